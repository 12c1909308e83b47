"""Text in, speech out."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import InvalidRequest
from domain.inference.sound import SoundFormat

LEAST_SPEED = 0.25
MOST_SPEED = 4.0
MOST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """voice: one of the model's, None for its own choice. speed: 1 is as it speaks. language: code of two or three
    letters, for models that want to know. instructions: how to say it, for models that listen. seed: same seed, same
    machine, same sound; None draws one. streamed: it is heard while it is made, so a header cannot say how long it is.
    deadline_seconds: how long it may take from when the engine begins with it; None is without limit.

    Raises InvalidRequest for an empty text and values out of range.
    """

    text: str
    voice: str | None = None
    speed: float = 1.0
    format: SoundFormat = SoundFormat.WAV
    language: str | None = None
    instructions: str | None = None
    seed: int | None = None
    streamed: bool = False
    deadline_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InvalidRequest("there is nothing to say: input is empty", param="input")
        if not LEAST_SPEED <= self.speed <= MOST_SPEED:
            raise InvalidRequest(f"speed must be from {LEAST_SPEED} to {MOST_SPEED}, got {self.speed}", param="speed")
        if self.seed is not None and not 0 <= self.seed <= MOST_SEED:
            raise InvalidRequest(f"seed must be from 0 to {MOST_SEED}, got {self.seed}", param="seed")
        if self.deadline_seconds is not None and self.deadline_seconds <= 0:
            raise InvalidRequest(f"a deadline must be more than 0 s away, got {self.deadline_seconds}")


@dataclass(frozen=True, slots=True)
class SpeechPiece:
    """Bytes of the file that is asked for; pieces joined are the whole file."""

    data: bytes

    def __repr__(self) -> str:
        return f"SpeechPiece({len(self.data):,} bytes)"


@dataclass(frozen=True, slots=True)
class Spoken:
    """The last event. rate: samples a second. duration_seconds: of the sound."""

    duration_seconds: float
    rate: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    warnings: tuple[str, ...] = ()


SpeechEvent = SpeechPiece | Spoken
