"""Sounds made up for tests: voices that hum, noises, silence. 16-bit samples of one channel."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterable

LOUDEST = 32_767
PITCH_HERTZ = 120
HARMONICS = 12
SYLLABLES_HERTZ = 4


def voice(seconds: float, rate: int = 24_000, loudness: float = 0.3, pitch: float = PITCH_HERTZ) -> bytes:
    """Vowels, four a second, with a short dip after each."""
    parts = [(2 * math.pi * pitch * each / rate, 1 / each) for each in range(1, HARMONICS + 1)]
    total = sum(weight for _, weight in parts)

    def at(sample: int) -> float:
        swing = math.sqrt(abs(math.sin(math.pi * SYLLABLES_HERTZ * sample / rate)))
        return swing * sum(weight * math.sin(step * sample) for step, weight in parts) / total

    return _samples(loudness * at(sample) for sample in range(int(seconds * rate)))


def silence(seconds: float, rate: int = 24_000) -> bytes:
    return bytes(2 * int(seconds * rate))


def white_noise(seconds: float, rate: int = 24_000, loudness: float = 0.1, seed: int = 1) -> bytes:
    draw = random.Random(seed)  # noqa: S311
    return _samples(draw.gauss(0, loudness) for _ in range(int(seconds * rate)))


def pink_noise(seconds: float, rate: int = 24_000, loudness: float = 0.1, seed: int = 1) -> bytes:
    """About as much in each octave: white noise held for 1, 2, 4 .. samples, summed."""
    draw = random.Random(seed)  # noqa: S311
    held = [0.0] * 12
    samples = []
    for sample in range(int(seconds * rate)):
        for at in range(len(held)):
            if sample % (1 << at) == 0:
                held[at] = draw.gauss(0, 1)
        samples.append(loudness * sum(held) / len(held) ** 0.5)
    return _samples(samples)


def mixed(one: bytes, other: bytes) -> bytes:
    pairs = zip(array("h", one), array("h", other), strict=False)
    return array("h", (max(-LOUDEST, min(LOUDEST, here + there)) for here, there in pairs)).tobytes()


def _samples(values: Iterable[float]) -> bytes:
    return array("h", (max(-LOUDEST, min(LOUDEST, int(value * LOUDEST))) for value in values)).tobytes()
