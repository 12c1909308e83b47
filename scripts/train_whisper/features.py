"""Log-mel spectrograms as Whisper computes them, for pieces shorter than its window of thirty seconds."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from mlx_audio.utils import hanning, mel_filters

from scripts.train_whisper.speech import RATE, Samples

BANDS: Final = 80
FRAME_SAMPLES: Final = 160
FRAMES_A_SECOND: Final = RATE // FRAME_SAMPLES
WINDOW_FRAMES: Final = 3000
_FOURIER: Final = 400
_WINDOW: Final = np.array(hanning(_FOURIER, periodic=True))
_FILTERS: Final = np.array(mel_filters(RATE, _FOURIER, BANDS, norm="slaney", mel_scale=None)).T

Mel = np.ndarray[Any, np.dtype[np.float32]]


def log_mel(samples: Samples) -> tuple[Mel, float]:
    """[frames, bands], one frame for each full 160 samples; and the value of silence after them."""
    half = _FOURIER // 2
    padded = np.concatenate([samples[half:0:-1], samples, np.zeros(half, np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FOURIER)[::FRAME_SAMPLES][
        : samples.size // FRAME_SAMPLES
    ]
    power = np.abs(np.fft.rfft(frames * _WINDOW)) ** 2
    mel = np.log10(np.maximum(power.astype(np.float32) @ _FILTERS, 1e-10))
    least = max(mel.max() - 8.0, -10.0)
    return ((np.maximum(mel, least) + 4.0) / 4.0).astype(np.float32), float((least + 4.0) / 4.0)
