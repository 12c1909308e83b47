"""Samples of one rate to samples of another, piece by piece."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
CROSSINGS = 24  # of the filter's sinc, on each side
BETA = 9.0  # of its Kaiser window: what is beyond half the lower rate is 90 dB down
PASSED = 0.95  # of what the lower rate can hold
LARGEST_PART = 512  # rates without a common measure are taken as the nearest ratio; it is off by a millionth
BLOCK = 128  # outputs that are computed by one product of matrices, at least
BLOCKS = 256  # of those at once


class Resampler:
    """A windowed sinc, computed at each output's own place. `push` any number of times, then `rest`."""

    def __init__(self, rate: int, wanted: int) -> None:
        ratio = Fraction(wanted, rate).limit_denominator(LARGEST_PART)
        self._plain = ratio == 1
        times = math.ceil(BLOCK / ratio.numerator)
        self._made, self._taken = ratio.numerator * times, ratio.denominator * times
        cutoff = min(1.0, float(ratio)) * PASSED
        self._side = math.ceil(CROSSINGS / cutoff)
        self._matrix = _filter(self._made, self._taken, self._side, cutoff)
        self._ratio = ratio
        self._waiting: Samples = np.zeros(self._side, np.float32)
        self._pushed = self._given = 0

    def push(self, samples: Samples) -> Samples:
        """What can be told of the sound so far and has not been."""
        if self._plain:
            return samples
        self._pushed += len(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        return self._computed()

    def rest(self) -> Samples:
        """What is left at the sound's end. All of it together has as many seconds as what was pushed."""
        if self._plain:
            return np.zeros(0, np.float32)
        left = math.ceil(self._pushed * self._ratio) - self._given
        silence = np.zeros(self._side + 2 * self._taken, np.float32)
        self._waiting = np.concatenate([self._waiting, silence])
        return self._computed()[:left]

    def _computed(self) -> Samples:
        width = self._matrix.shape[0]
        count = max(0, (len(self._waiting) - width) // self._taken + 1)
        if not count:
            return np.zeros(0, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._waiting, width)[:: self._taken][:count]
        found = np.empty((count, self._made), np.float32)
        for at in range(0, count, BLOCKS):
            np.matmul(np.ascontiguousarray(windows[at : at + BLOCKS]), self._matrix, out=found[at : at + BLOCKS])
        self._waiting = self._waiting[count * self._taken :].copy()
        self._given += found.size
        return found.reshape(-1)


@lru_cache(8)
def _filter(made: int, taken: int, side: int, cutoff: float) -> npt.NDArray[np.float32]:
    """[inputs, outputs] of a block that makes so many outputs of so many inputs, and looks at `side` more around."""
    inputs = np.arange(taken + 2 * side + 1)[:, None] - side
    apart: npt.NDArray[Any] = np.arange(made)[None] * (taken / made) - inputs
    window = np.i0(BETA * np.sqrt(np.clip(1 - (apart / side) ** 2, 0, None))) / np.i0(BETA)
    taps = np.where(np.abs(apart) <= side, np.sinc(apart * cutoff) * window, 0)
    return np.asarray(taps / taps.sum(axis=0), np.float32)
