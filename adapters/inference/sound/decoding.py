"""A sound as it came, to samples of one channel at a model's rate. No MLX; any thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adapters.inference.sound.ffmpeg import decode_by_ffmpeg
from adapters.inference.sound.gathering import LONGEST_SECONDS, Gathering, SampleRoom
from adapters.inference.sound.plain import NotDecodable, decode_plain
from adapters.inference.sound.resampling import Resampler, Samples
from adapters.inference.sound.source import Source, source_of
from domain.errors import DependencyMissing, InvalidMedia
from domain.inference.sound import Sound, SoundSamples
from domain.inference.sound_kinds import IN_PROCESS, KINDS, SoundKind, other_kind, sound_kind

__all__ = ["Decoded", "Samples", "decoded"]
FULL_SCALE = 32_768


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """samples: 32-bit floats, usually from -1 to 1, at least one. warnings: what was wrong with the file."""

    samples: Samples
    warnings: tuple[str, ...] = ()


def decoded(sound: Sound, rate: int, most_seconds: float = LONGEST_SECONDS) -> Decoded:
    """What a sound is, its bytes say, and its name only where they do not. Several channels become their mean.
    most_seconds: a longer sound is refused.

    Raises InvalidMedia (param "file") for what is no sound, or is broken, empty or too long; DependencyMissing where
    ffmpeg is needed and is not there; ServerBusy where other sounds, decoded and not yet heard, leave no room.
    """
    if isinstance(sound, SoundSamples):
        return _raw(sound, rate, most_seconds)
    source = source_of(sound)
    kind = sound_kind(source.head, source.name)
    if kind is None:
        raise InvalidMedia(
            f"this is no sound: it is {other_kind(source.head)}", hint=f"send a {KINDS} file", param="file"
        )
    if kind not in IN_PROCESS:
        return Decoded(*decode_by_ffmpeg(source, kind, rate, most_seconds))
    try:
        return Decoded(*decode_plain(source, kind, rate, most_seconds))
    except NotDecodable as fault:
        return Decoded(*_by_other_means(source, kind, rate, most_seconds, fault))


def _by_other_means(
    source: Source, kind: SoundKind, rate: int, most_seconds: float, fault: NotDecodable
) -> tuple[Samples, tuple[str, ...]]:
    """ffmpeg knows more of what may be inside such a file; nobody is told to install it for one that is broken."""
    try:
        return decode_by_ffmpeg(source, kind, rate, most_seconds)
    except DependencyMissing:
        raise InvalidMedia(
            f"the {kind} file cannot be decoded", hint="send the whole file, undamaged", param="file"
        ) from fault


def _raw(sound: SoundSamples, rate: int, most_seconds: float) -> Decoded:
    if not sound.data:
        raise InvalidMedia("the sound is empty", param="file")
    # Somebody is speaking: a turn is short, and does not wait for files that are long.
    samples = np.frombuffer(sound.data, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
    resampler, gathering = Resampler(sound.rate, rate), Gathering(rate, most_seconds, SampleRoom())
    gathering.add(resampler.push(samples))
    gathering.add(resampler.rest())
    return Decoded(gathering.samples())
