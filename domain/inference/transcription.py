"""Speech in, text out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidRequest
from domain.inference.sound import Sound


class HearingTask(StrEnum):
    """TRANSCRIBE: what is said, in its own language. TRANSLATE: what it means, in English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


def language_code(code: str) -> str:
    """The code itself. Raises InvalidRequest for what is none."""
    if not (2 <= len(code) <= 3 and code.isascii() and code.isalpha() and code.islower()):
        raise InvalidRequest(
            f"language must be a code such as en, de or fr, got {code!r}", hint="leave it out to have it detected",
            param="language",
        )  # fmt: skip
    return code


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """language: code of two or three letters of what is spoken; None finds it out. prompt: text that the sound goes on
    from, or names and terms that occur in it. temperature: 0 takes the likeliest tokens, and where they cannot be
    trusted higher ones in turn; None is 0. words: tell when each word is said. times: tell when each segment is said.
    live: somebody waits while they speak, so it goes before files. deadline_seconds: how long it may take from when the
    engine begins with it; None is without limit.

    Raises InvalidRequest for values out of range.
    """

    sound: Sound
    task: HearingTask = HearingTask.TRANSCRIBE
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    words: bool = False
    times: bool = True
    live: bool = False
    deadline_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None and not 0 <= self.temperature <= 1:
            raise InvalidRequest(f"temperature must be from 0 to 1, got {self.temperature}", param="temperature")
        if self.language is not None:
            language_code(self.language)
        if self.deadline_seconds is not None and self.deadline_seconds <= 0:
            raise InvalidRequest(f"a deadline must be more than 0 s away, got {self.deadline_seconds}")


@dataclass(frozen=True, slots=True)
class HeardWord:
    """text: with the space before it. start, end: seconds. probability: from 0 to 1."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Something said in one go. start, end: seconds from the sound's beginning, start <= end, and no segment starts
    before the one in front of it. text: with the space before it. tokens: of the model's own. seek: frame of 10 ms at
    which the window began. The rest: how the model came to it, as Whisper's own tools tell it.
    """

    number: int
    start: float
    end: float
    text: str
    tokens: tuple[int, ...] = ()
    seek: int = 0
    temperature: float = 0.0
    average_logprob: float = 0.0
    compression_ratio: float = 1.0
    no_speech_probability: float = 0.0
    words: tuple[HeardWord, ...] = ()


@dataclass(frozen=True, slots=True)
class HearingProgress:
    """So much of the sound has been heard. The first one comes with done_seconds 0 once the sound is decoded."""

    done_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class HeardSegment:
    """A segment that will not change any more. delta: what it adds to the text; deltas joined are the whole text,
    character for character.
    """

    segment: Segment
    delta: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """The last event. duration_seconds: of the sound. language: as given or found, None for models that do not say.
    prompt_tokens: what was said to the model before the sound, sounds not counted. warnings: what went wrong without
    being an error.
    """

    text: str
    language: str | None
    duration_seconds: float
    segments: tuple[Segment, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[HeardWord, ...]:
        return tuple(word for segment in self.segments for word in segment.words)


HearingEvent = HearingProgress | HeardSegment | Transcription
