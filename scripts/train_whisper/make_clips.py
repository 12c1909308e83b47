"""Make the committed clips anew: python -m scripts.train_whisper.make_clips --out FOLDER.

It needs espeak-ng and ffmpeg. Training reads the committed files and needs neither. Sentences are spoken one by one, so
that it is known where each begins and ends, and joined with pauses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from scripts.train_whisper.sentences import PLANS, Plan, Said

RATE: Final = 16_000
MANIFEST: Final = "manifest.json"
_BEFORE_SECONDS, _BETWEEN_SECONDS, _AFTER_SECONDS = 0.2, 0.7, 0.3
_AUDIBLE: Final = 0.01
_LOUDEST: Final = 0.7
_KEPT_AS: Final = {".wav": ("-c:a", "pcm_s16le"), ".flac": ("-compression_level", "12"), ".mp3": ("-b:a", "48k")}

Samples = np.ndarray[Any, np.dtype[np.float32]]


def main(argv: list[str]) -> int:
    """Write all clips and what is said in them. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.train_whisper.make_clips", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the clips")
    folder = parser.parse_args(argv).out
    folder.mkdir(parents=True, exist_ok=True)
    told = [make_clip(plan, folder) for plan in PLANS]
    (folder / MANIFEST).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def make_clip(plan: Plan, folder: Path) -> dict[str, Any]:
    """Write one clip; its entry in the manifest."""
    parts = [_silence(_BEFORE_SECONDS)]
    segments: list[dict[str, Any]] = []
    for said in plan.sentences:
        if segments:
            parts.append(_silence(_BETWEEN_SECONDS))
        start = _seconds(parts)
        parts.append(spoken(plan, said))
        segments.append(
            {"start": start, "end": _seconds(parts), "text": said.text, "translation": said.translation},
        )
    parts.append(_silence(_AFTER_SECONDS))
    _write(np.concatenate(parts), folder / plan.file)
    return {
        "file": plan.file,
        "language": plan.language,
        "voice": plan.voice,
        "duration": _seconds(parts),
        "text": " ".join(said.text for said in plan.sentences),
        "translation": " ".join(said.translation for said in plan.sentences),
        "segments": segments,
    }


def spoken(plan: Plan, said: Said) -> Samples:
    """A sentence at 16 kHz without the silence around it, all sentences equally loud."""
    speak = ["espeak-ng", "-v", plan.voice, "-s", str(plan.words_per_minute), "--stdout", said.text]
    wav = subprocess.run(speak, check=True, capture_output=True).stdout
    convert = ["ffmpeg", "-loglevel", "error", "-i", "-", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
    raw = subprocess.run(convert, check=True, capture_output=True, input=wav).stdout
    samples: Samples = np.frombuffer(raw, np.float32)
    audible = np.flatnonzero(np.abs(samples) > _AUDIBLE)
    cut = samples[audible[0] : audible[-1] + 1]
    loud: Samples = (cut * (_LOUDEST / np.abs(cut).max())).astype(np.float32)
    return loud


def _silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def _seconds(parts: list[Samples]) -> float:
    return round(sum(part.size for part in parts) / RATE, 3)


def _write(samples: Samples, path: Path) -> None:
    raw = (samples * 32767).round().astype("<i2").tobytes()
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "-"]
    subprocess.run([*command, "-bitexact", *_KEPT_AS[path.suffix], str(path)], check=True, input=raw)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
