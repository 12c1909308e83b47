"""What happens to speech on its way: telephones, noise, another pace. All of it on float32 samples at 16 kHz."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from scripts.train_whisper.speech import RATE, Samples

_MU = 255.0
_A = 87.6


def distorted(samples: Samples, rng: random.Random) -> Samples:
    """Half of the time as it is."""
    if rng.random() < 0.35:
        samples = at_pace(samples, rng.uniform(0.95, 1.05))
    way = rng.random()
    if way < 0.2:
        samples = by_telephone(samples, mu_law=rng.random() < 0.5, smooth=rng.random() < 0.6)
    elif way < 0.3:
        samples = low_pass(samples, rng.uniform(3000, 7500))
    return samples


def at_pace(samples: Samples, factor: float) -> Samples:
    """Faster and higher by `factor`."""
    at = np.arange(0, samples.size - 1, factor)
    return _single(np.interp(at, np.arange(samples.size), samples))


def low_pass(samples: Samples, hertz: float) -> Samples:
    spectrum = np.fft.rfft(samples)
    spectrum[int(hertz * samples.size / RATE) :] = 0
    return np.fft.irfft(spectrum, samples.size).astype(np.float32)


def by_telephone(samples: Samples, mu_law: bool, smooth: bool) -> Samples:
    """8 kHz, G.711 (mu-law or A-law), and 16 kHz again; smooth: without the images a linear interpolation leaves."""
    narrow = low_pass(samples, 3800)[::2]
    coded = _mu_law(narrow) if mu_law else _a_law(narrow)
    wide = np.interp(np.arange(samples.size) / 2, np.arange(coded.size), coded).astype(np.float32)
    return low_pass(wide, 4000) if smooth else wide


def noise(size: int, rng: random.Random) -> Samples:
    """White, pink, brown, a hum or clicks; about as loud as 1."""
    dice = np.random.default_rng(rng.getrandbits(32))
    kind = rng.choice(("white", "white", "pink", "brown", "hum", "clicks"))
    if kind == "hum":
        hertz = rng.choice((50, 60, 100, 440, 1000))
        made = np.sin(2 * np.pi * hertz * np.arange(size) / RATE)
    elif kind == "clicks":
        made = dice.normal(size=size) * (dice.random(size) < 0.0005) * 3
    else:
        power = {"white": 0.0, "pink": 0.5, "brown": 1.0}[kind]
        spectrum = np.fft.rfft(dice.normal(size=size))
        made = np.fft.irfft(spectrum / np.maximum(1, np.arange(spectrum.size)) ** power, size)
        made /= np.abs(made).max() / 3
    return made.astype(np.float32)


def white(size: int, rng: random.Random) -> Samples:
    return np.random.default_rng(rng.getrandbits(32)).normal(size=size).astype(np.float32)


def _mu_law(samples: Samples) -> Samples:
    squeezed = np.sign(samples) * np.log1p(_MU * np.abs(samples)) / np.log1p(_MU)
    squeezed = np.round(squeezed * 127) / 127
    return _single(np.sign(squeezed) * np.expm1(np.abs(squeezed) * np.log1p(_MU)) / _MU)


def _a_law(samples: Samples) -> Samples:
    whole, size = 1 + np.log(_A), np.abs(samples)
    squeezed = np.where(size < 1 / _A, _A * size, 1 + np.log(np.maximum(_A * size, 1e-9))) / whole
    squeezed = np.round(squeezed * 127) / 127
    back = np.where(squeezed < 1 / whole, squeezed * whole / _A, np.exp(squeezed * whole - 1) / _A)
    return _single(np.sign(samples) * back)


def _single(samples: np.ndarray[Any, Any]) -> Samples:
    made: Samples = samples.astype(np.float32)
    return made
