"""What is agreed on for a live transcription, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.errors import MlxkError
from domain.inference.live_sound import LineFormat
from domain.inference.spoken_turns import TurnRules


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """model: by the name that the client gives it; None while it has named none. language, prompt: as in
    TranscriptionRequest. turns: None where the client says itself when a turn has ended.
    """

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    format: LineFormat = field(default_factory=LineFormat)
    turns: TurnRules | None = field(default_factory=TurnRules)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """at_ms: of all sound that has come, where the turn begins, its prefix counted."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """at_ms: where the turn ends, the silence that ended it counted."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """A turn is complete, and will be transcribed. previous_item_id: the turn before it."""

    item_id: str
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class TurnDelta:
    """What the next segment adds to the turn's text; all deltas joined are the text."""

    item_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class TurnHeard:
    """seconds: of the turn's sound."""

    item_id: str
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """This turn has no text; the session goes on."""

    item_id: str
    fault: MlxkError


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something else went wrong; the session goes on."""

    fault: MlxkError


LiveEvent = SpeechStarted | SpeechStopped | TurnCommitted | TurnDelta | TurnHeard | TurnFailed | Trouble
