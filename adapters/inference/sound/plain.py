"""WAV, MP3 and FLAC, decoded in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import miniaudio
import numpy as np

from adapters.inference.sound.gathering import Gathering
from adapters.inference.sound.resampling import Resampler, Samples
from adapters.inference.sound.source import Source
from domain.errors import InvalidMedia
from domain.inference.sound import LEAST_RATE, MOST_RATE
from domain.inference.sound_kinds import SoundKind

PIECE_FRAMES = 65_536
MOST_CHANNELS = 32
LEAST_MISSING_SECONDS = 0.05  # how an MP3 is counted differs by a frame
ENDLESS_BYTES = 0x7FFF_0000  # who writes a WAV as it comes cannot say how long it will be, and says a lot

_INFO: dict[SoundKind, tuple[Callable[[bytes], Any], Callable[[str], Any]]] = {
    SoundKind.WAV: (miniaudio.wav_get_info, miniaudio.wav_get_file_info),
    SoundKind.MP3: (miniaudio.mp3_get_info, miniaudio.mp3_get_file_info),
    SoundKind.FLAC: (miniaudio.flac_get_info, miniaudio.flac_get_file_info),
}


class NotDecodable(Exception):
    """miniaudio does not know what is inside; something else may."""


def decode_plain(source: Source, kind: SoundKind, rate: int) -> tuple[Samples, tuple[str, ...]]:
    """Samples of one channel, the mean of all, and warnings. What is cut off is heard as far as it goes.

    Raises InvalidMedia for what holds no samples, and NotDecodable for what cannot be read at all.
    """
    of_bytes, of_file = _INFO[kind]
    try:
        info = of_bytes(source.data) if source.data is not None else of_file(str(source.path))
        if not (LEAST_RATE <= info.sample_rate <= MOST_RATE and 1 <= info.nchannels <= MOST_CHANNELS):
            raise InvalidMedia(
                f"the sound has {info.nchannels:,} channels at {info.sample_rate:,} Hz",
                hint=f"at most {MOST_CHANNELS} channels at {LEAST_RATE:,} to {MOST_RATE:,} Hz are read", param="file",
            )  # fmt: skip
        pieces = _pieces(source, info.nchannels, info.sample_rate)
        gathering, resampler, frames = Gathering(rate), Resampler(info.sample_rate, rate), 0
        for piece in pieces:
            mono = piece.reshape(-1, info.nchannels).mean(axis=1, dtype=np.float32)
            frames += len(mono)
            gathering.add(resampler.push(mono))
        gathering.add(resampler.rest())
    except (miniaudio.MiniaudioError, ValueError, ZeroDivisionError) as fault:
        raise NotDecodable(str(fault)) from fault
    if not frames:
        raise InvalidMedia(f"the {kind} file holds no sound", hint="send the whole file, undamaged", param="file")
    told = _wav_share(source) if kind is SoundKind.WAV else info.num_frames / frames
    return gathering.samples(), _warnings(kind, frames / info.sample_rate, told)


def _pieces(source: Source, channels: int, rate: int) -> Iterator[Samples]:
    stream = (
        miniaudio.stream_memory(source.data, miniaudio.SampleFormat.FLOAT32, channels, rate, PIECE_FRAMES // 4)
        if source.data is not None
        else miniaudio.stream_file(str(source.path), miniaudio.SampleFormat.FLOAT32, channels, rate, PIECE_FRAMES // 4)
    )
    for piece in stream:
        yield np.frombuffer(piece, np.float32)


def _wav_share(source: Source) -> float:
    """How many times as much a WAV says that it has of samples as it holds; 1 where it does not know."""
    at = 12
    while at + 8 <= len(source.head):
        name, size = source.head[at : at + 4], int.from_bytes(source.head[at + 4 : at + 8], "little")
        if name == b"data":
            held = source.size - at - 8
            return size / held if 0 < held < size < ENDLESS_BYTES else 1.0
        at += 8 + size + size % 2
    return 1.0


def _warnings(kind: SoundKind, seconds: float, share: float) -> tuple[str, ...]:
    if share * seconds - seconds < LEAST_MISSING_SECONDS:
        return ()
    return (f"the {kind} file is cut off: it says that it has {share * seconds:.2f} s and holds {seconds:.2f} s",)
