"""Decoded samples, as they come, within what is allowed."""

from __future__ import annotations

import time

import numpy as np

from adapters.inference.sound.resampling import Samples
from domain.errors import InvalidMedia

MOST_HOURS = 8  # of a sound: 1.8 GB of samples at 16 kHz
MOST_SECONDS = 90.0  # that decoding may take: meanwhile nothing else is prepared


class Gathering:
    """One growing array, so that a long sound is never in memory twice."""

    def __init__(self, rate: int, most_seconds: float = MOST_HOURS * 3600.0) -> None:
        """rate: of the samples that are added. Counts from now on how long decoding takes."""
        self._most = int(rate * most_seconds)
        self._held: Samples = np.zeros(rate, np.float32)
        self._count = 0
        self._until = time.monotonic() + MOST_SECONDS

    @property
    def seconds_left(self) -> float:
        return self._until - time.monotonic()

    def add(self, samples: Samples) -> None:
        """Raises InvalidMedia for more than is allowed, of sound or of time."""
        count = self._count + len(samples)
        if count > self._most:
            raise InvalidMedia(f"the sound is longer than {MOST_HOURS} hours", hint="cut it into pieces", param="file")
        if self.seconds_left < 0:
            raise too_slow()
        if count > len(self._held):
            self._held.resize(max(count, len(self._held) * 5 // 4), refcheck=False)
        self._held[self._count : count] = samples
        self._count = count

    def samples(self) -> Samples:
        self._held.resize(self._count, refcheck=False)
        np.nan_to_num(self._held, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return self._held


def too_slow() -> InvalidMedia:
    return InvalidMedia(
        f"the sound takes more than {MOST_SECONDS:g} s to decode",
        hint="make it shorter, or send it as WAV",
        param="file",
    )
