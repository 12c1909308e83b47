"""Is there a voice's pitch in a stretch of sound? Noise has none, however loud."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import mul

LOWEST_HERTZ = 70
HIGHEST_HERTZ = 400
# Of each sample so much of the one before is taken off, in 256ths: what rumbles would look periodic otherwise.
TAKEN_OFF = 200


class PitchFinder:
    """rate: samples a second of what it is given; low ones cost less. Stateless."""

    def __init__(self, rate: int) -> None:
        self._lags = range(rate // HIGHEST_HERTZ, rate // LOWEST_HERTZ + 1)

    def periodicity(self, samples: Sequence[int]) -> float:
        """How well the stretch repeats itself at the best pitch: 1 for a hum, about 0 for noise. samples: at least
        twice the longest period.
        """
        wave = [here - (TAKEN_OFF * before >> 8) for before, here in pairwise(samples)]
        length = len(wave) - self._lags[-1]
        near = wave[:length]
        energy = sum(map(mul, near, near))
        far_energy = sum(map(mul, wave[self._lags[0] : self._lags[0] + length], wave[self._lags[0] :]))
        best = 0.0
        for lag in self._lags:
            if (most := max(energy, far_energy)) > 0:
                best = max(best, sum(map(mul, near, wave[lag : lag + length])) / most)
            if lag + length < len(wave):
                far_energy += wave[lag + length] ** 2 - wave[lag] ** 2
        return best
