"""The trained Whisper of the tests and the clips that it knows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[2]
WHISPER: Final = ROOT / "tests/assets/whisper"
SPEECH: Final = ROOT / "tests/assets/speech"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence in a clip: where it is heard, in seconds from the start, what is said, and that in English."""

    start: float
    end: float
    text: str
    translation: str


@dataclass(frozen=True, slots=True)
class Clip:
    """path: WAV, FLAC or MP3, 16 kHz mono. language: as Whisper calls it, `en`. duration: in seconds, as it was made;
    an MP3 is up to 0.1 s longer. text, translation: of all segments, joined by spaces.
    """

    path: Path
    language: str
    text: str
    translation: str
    duration: float
    segments: tuple[Spoken, ...]

    @property
    def name(self) -> str:
        """Of its file, without the ending."""
        return self.path.stem


def _clip(told: dict[str, object], segments: list[dict[str, object]]) -> Clip:
    return Clip(
        SPEECH / str(told["file"]),
        str(told["language"]),
        str(told["text"]),
        str(told["translation"]),
        float(str(told["duration"])),
        tuple(
            Spoken(float(str(one["start"])), float(str(one["end"])), str(one["text"]), str(one["translation"]))
            for one in segments
        ),
    )


CLIPS: Final = tuple(
    _clip(told, told["segments"]) for told in json.loads((SPEECH / "manifest.json").read_text("utf-8"))
)
SHORT: Final = tuple(clip for clip in CLIPS if len(clip.segments) == 1)
LONG: Final = tuple(clip for clip in CLIPS if len(clip.segments) > 1)


def clip(name: str) -> Clip:
    """By the name of its file without the ending: `fox`."""
    return next(each for each in CLIPS if each.name == name)


# Two speakers, one after the other: the model is taught this very pair, and others.
FIRST_SPEAKER: Final = clip("fox")
SECOND_SPEAKER: Final = clip("numbers")
