"""Requests to hear and to speak, and what comes of them, as JSON and back. Bytes stand beside the JSON.

[id, "hearing", done, total]    [id, "heard", {segment}, delta]
[id, "transcribed", {...}]      [id, "spoken", {...}]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from domain.errors import InternalError
from domain.inference.sound import Sound, SoundBytes, SoundFile, SoundFormat, SoundSamples
from domain.inference.speech import SpeechPiece, SpeechRequest, Spoken
from domain.inference.transcription import (
    HeardSegment,
    HeardWord,
    HearingProgress,
    HearingTask,
    Segment,
    Transcription,
    TranscriptionRequest,
)
from ports.worker_channel import SoundEvent

Json = dict[str, Any]


def encode_hearing(request: TranscriptionRequest) -> Json:
    """Everything but the sound's bytes, which are its `sound_tails`."""
    return {
        "sound": _sound_out(request.sound),
        "task": request.task.value,
        "language": request.language,
        "prompt": request.prompt,
        "temperature": request.temperature,
        "words": request.words,
        "times": request.times,
        "live": request.live,
        "deadline_seconds": request.deadline_seconds,
    }


def decode_hearing(body: Mapping[str, Any], tails: Sequence[bytes]) -> TranscriptionRequest:
    """Raises KeyError, TypeError, ValueError, IndexError or MlxkError for what `encode_hearing` does not write."""
    return TranscriptionRequest(**{**body, "sound": _sound_in(body["sound"], tails), "task": HearingTask(body["task"])})


def sound_tails(request: TranscriptionRequest) -> list[bytes]:
    return [] if isinstance(request.sound, SoundFile) else [request.sound.data]


def encode_speaking(request: SpeechRequest) -> Json:
    return asdict(request)


def decode_speaking(body: Mapping[str, Any]) -> SpeechRequest:
    """As `decode_hearing`."""
    return SpeechRequest(**{**body, "format": SoundFormat(body["format"])})


def encode_sound_event(event: SoundEvent) -> list[object]:
    match event:
        case HearingProgress(done, total):
            return ["hearing", done, total]
        case HeardSegment(segment, delta):
            return ["heard", asdict(segment), delta]
        case Transcription():
            return ["transcribed", asdict(event)]
        case Spoken():
            return ["spoken", asdict(event)]
        case SpeechPiece():  # goes as SpeechMade
            raise InternalError("a piece of speech stands beside the events, not among them")


SOUND_EVENT_KINDS: dict[str, Callable[..., SoundEvent]] = {
    "hearing": HearingProgress,
    "heard": lambda segment, delta: HeardSegment(_segment_in(segment), delta),
    "transcribed": lambda body: Transcription(
        **{
            **body,
            "segments": tuple(map(_segment_in, body["segments"])),
            "warnings": tuple(body["warnings"]),
        }
    ),
    "spoken": lambda body: Spoken(**{**body, "warnings": tuple(body["warnings"])}),
}


def _sound_out(sound: Sound) -> list[object]:
    match sound:
        case SoundBytes(_, name):
            return ["bytes", name]
        case SoundFile(path):
            return ["file", str(path)]
        case SoundSamples(_, rate):
            return ["samples", rate]


def _sound_in(body: Sequence[Any], tails: Sequence[bytes]) -> Sound:
    kind, value = body
    if kind == "file":
        return SoundFile(PurePath(value))
    (data,) = tails
    if kind == "bytes":
        return SoundBytes(data, value)
    if kind == "samples":
        return SoundSamples(data, int(value))
    raise ValueError(f"unknown sound {kind!r}")


def _segment_in(body: Mapping[str, Any]) -> Segment:
    return Segment(
        **{**body, "tokens": tuple(body["tokens"]), "words": tuple(HeardWord(**each) for each in body["words"])}
    )
