"""Sounds as they come: a file's bytes, a file on this machine, or samples from a line that is open."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from domain.errors import InvalidRequest

SAMPLE_BYTES = 2
LEAST_RATE = 4_000
MOST_RATE = 192_000


class SoundFormat(StrEnum):
    """What speech is written as. PCM: 16-bit samples, least significant byte first, one channel, no header."""

    WAV = "wav"
    MP3 = "mp3"
    FLAC = "flac"
    PCM = "pcm"


@dataclass(frozen=True, slots=True)
class SoundBytes:
    """data: a whole file as it came, undecoded; nobody but the model's worker decodes it. name: a file's, if it has
    one; its ending is believed only where the data do not tell what they are.
    """

    data: bytes
    name: str | None = None

    def __repr__(self) -> str:
        """Without the data, which are nobody's business in a log."""
        return f"SoundBytes({len(self.data):,} bytes)"


@dataclass(frozen=True, slots=True)
class SoundFile:
    """path: of a file that a user at a terminal named; never from a request that came over a network."""

    path: PurePath

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True)
class SoundSamples:
    """data: 16-bit samples of one channel, least significant byte first. rate: samples a second.

    Raises InvalidRequest for a rate out of range and for half a sample.
    """

    data: bytes
    rate: int

    def __post_init__(self) -> None:
        if not LEAST_RATE <= self.rate <= MOST_RATE:
            raise InvalidRequest(f"a rate must be from {LEAST_RATE} to {MOST_RATE} samples a second, got {self.rate}")
        if len(self.data) % SAMPLE_BYTES:
            raise InvalidRequest(f"{len(self.data)} bytes are no whole number of 16-bit samples")

    @property
    def seconds(self) -> float:
        return len(self.data) / SAMPLE_BYTES / self.rate

    def __repr__(self) -> str:
        return f"SoundSamples({self.seconds:.2f} s at {self.rate} Hz)"


Sound = SoundBytes | SoundFile | SoundSamples
