"""Tells speech from silence and noise while it is being said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

FRAME_MS = 20


class VoiceDetector(Protocol):
    """One line of sound, in order; remembers what it has heard of it. One thread at a time."""

    def hear(self, samples: bytes) -> Sequence[float]:
        """samples: whole 16-bit samples of one channel, least significant byte first, at the line's rate; any number.

        For every frame of FRAME_MS that is complete now: how sure it is that somebody speaks, from 0 to 1. What is left
        waits for the next call. Raises nothing.
        """


class VoiceDetectors(Protocol):
    """Thread-safe."""

    def for_line(self, rate: int) -> VoiceDetector:
        """A detector that has heard nothing. rate: samples a second, a whole number of them a frame."""
