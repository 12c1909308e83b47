"""What fake workers hear and say. A sound is heard as its bytes read as text, one segment a line, one second a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from domain.errors import CapabilityMismatch, InvalidMedia, MlxkError
from domain.inference.sound import SoundFile, SoundSamples
from domain.inference.speech import SpeechEvent, SpeechPiece, SpeechRequest, Spoken
from domain.inference.transcription import (
    HeardSegment,
    HeardWord,
    HearingEvent,
    HearingProgress,
    HearingTask,
    Segment,
    Transcription,
    TranscriptionRequest,
)

SPOKEN_RATE = 16_000


@dataclass
class SoundScript:
    """refuse: the error that every request raises. live: what samples are heard as, one after another; then nothing.
    noise: names of files that are no sound. warnings: told of every sound.
    broken: the error that speech ends with after its first word. voices: those it has, None for any.
    """

    refuse: list[MlxkError] = field(default_factory=list)
    live: list[str] = field(default_factory=list)
    noise: set[str] = field(default_factory=set)
    warnings: tuple[str, ...] = ()
    broken: MlxkError | None = None
    voices: tuple[str, ...] | None = None


def heard(script: SoundScript, request: TranscriptionRequest) -> Iterator[HearingEvent]:
    """Translations are in capitals. Raises InvalidMedia for bytes that are no UTF-8."""
    if script.refuse:
        raise script.refuse[0]
    lines = _lines(script, request)
    if request.task is HearingTask.TRANSLATE:
        lines = [line.upper() for line in lines]
    total = float(sum(len(line.split()) for line in lines))
    yield HearingProgress(0.0, total)
    segments: list[Segment] = []
    for line in lines:
        start = segments[-1].end if segments else 0.0
        words = tuple(HeardWord(f" {word}", start + at, start + at + 1, 0.9) for at, word in enumerate(line.split()))
        segment = Segment(len(segments), start, start + len(words), f" {line}", words=words if request.words else ())
        yield HeardSegment(segment, line if not segments else f" {line}")
        segments.append(segment)
        yield HearingProgress(segment.end, total)
    yield Transcription(
        " ".join(lines),
        request.language or "en",
        total,
        tuple(segments),
        completion_tokens=int(total),
        warnings=script.warnings,
    )


def spoken(script: SoundScript, request: SpeechRequest) -> Iterator[SpeechEvent]:
    """The text's words as bytes, a piece each, behind the format's name."""
    if script.refuse:
        raise script.refuse[0]
    if request.voice is not None and script.voices is not None and request.voice not in script.voices:
        raise CapabilityMismatch(f"there is no voice {request.voice!r}", param="voice")
    words = request.text.split()
    yield SpeechPiece(f"{request.format.value}:".encode())
    for word in words:
        yield SpeechPiece(f"{word} ".encode())
        if script.broken is not None:
            raise script.broken
    yield Spoken(float(len(words)), SPOKEN_RATE, prompt_tokens=len(words))


def _lines(script: SoundScript, request: TranscriptionRequest) -> list[str]:
    sound = request.sound
    if isinstance(sound, SoundSamples):
        return [script.live.pop(0)] if script.live else []
    if isinstance(sound, SoundFile):
        if sound.name in script.noise:
            raise InvalidMedia("this is no sound", param="file")
        return [f"The file {sound.name}."]
    try:
        return [line for line in sound.data.decode().splitlines() if line.strip()]
    except UnicodeDecodeError as fault:
        raise InvalidMedia("this is no sound", param="file") from fault
