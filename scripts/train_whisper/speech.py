"""The committed clips as sentences to learn from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from mlx_audio.stt.utils import load_audio

RATE: Final = 16_000
CLIPS: Final = Path(__file__).parents[2] / "tests/assets/speech"
_AUDIBLE: Final = 0.01

Samples = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """samples: 16 kHz, without the silence around it. clip: the file it comes from."""

    clip: str
    samples: Samples
    language: str
    text: str
    translation: str

    @property
    def seconds(self) -> float:
        return self.samples.size / RATE

    def words(self, task: str) -> list[str]:
        return (self.translation if task == "translate" else self.text).split()


def decoded(path: Path) -> Samples:
    """The file at 16 kHz, mono."""
    samples: Samples = np.array(load_audio(str(path)), dtype=np.float32)
    return samples


def sentences() -> list[Sentence]:
    """Of all clips, in the order of the manifest."""
    told = json.loads((CLIPS / "manifest.json").read_text(encoding="utf-8"))
    return [sentence for clip in told for sentence in _of_clip(clip)]


def _of_clip(clip: dict[str, Any]) -> list[Sentence]:
    samples = decoded(CLIPS / clip["file"])
    first_heard = np.flatnonzero(np.abs(samples) > _AUDIBLE)[0] / RATE
    delay = first_heard - clip["segments"][0]["start"]  # an MP3 begins a little later than what was put into it
    return [
        Sentence(
            clip["file"],
            samples[round((each["start"] + delay) * RATE) : round((each["end"] + delay) * RATE)],
            clip["language"],
            each["text"],
            each["translation"],
        )
        for each in clip["segments"]
    ]
