"""The clips of the tests through our worker, beside mlx-audio's own Whisper in this process.

python -m benchmarks.speech [--blas LIBRARY] [--runs 5] [--together 16]

--blas runs all of it, the worker too, in processes with that library preloaded. share: raw seconds by ours, clip after
clip; more than 1 is faster than raw. together: as many clips at once, which mlx-audio cannot; its share is by the same
clips one after the other. Both sides get undecoded files, and the worker also has them on its line; the model is the
trained miniature, so what is measured is what is around the numbers of a network: a real one is slower on both sides.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine import CHILD, preloaded

ROOT = Path(__file__).resolve().parents[1]
MODEL, CLIPS = ROOT / "tests/assets/whisper", ROOT / "tests/assets/speech"


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds. raw, ours: all clips, one after the other. together, apart: so many at once; raw, one by one."""

    raw: float
    ours: float
    apart: float
    together: float


def clips() -> list[Path]:
    """Those of one sentence: they are heard in one window by both sides."""
    told = json.loads((CLIPS / "manifest.json").read_text(encoding="utf-8"))
    return [CLIPS / each["file"] for each in told if len(each["segments"]) == 1]


def raw_hearing() -> Callable[[Path], str]:
    from mlx_audio.stt.utils import load_model

    model = load_model(MODEL)

    def hear(path: Path) -> str:
        return str(model.generate(str(path)).text).strip()

    return hear


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def measure(options: argparse.Namespace) -> list[Round]:
    from adapters.inference.mlx_process import configure_mlx
    from adapters.worker_process.launcher import ProcessWorkerLauncher
    from domain.catalog import LocatedModel, ModelSource
    from domain.inference.sound import SoundBytes
    from domain.inference.transcription import Transcription, TranscriptionRequest
    from domain.serving.load_options import LoadOptions, Task

    configure_mlx()
    raw = raw_hearing()
    launcher = ProcessWorkerLauncher(dict(os.environ), keep_spare=False)
    model = LocatedModel("bench", MODEL, ModelSource.WORKSPACE)
    worker = launcher.launch(model, LoadOptions(task=Task.TRANSCRIBE))

    def ours(path: Path) -> str:
        events = worker.transcribe(TranscriptionRequest(SoundBytes(path.read_bytes())))
        return next(event.text for event in events if isinstance(event, Transcription))

    def in_turn(hear: Callable[[Path], str], files: Sequence[Path]) -> list[str]:
        return [hear(path) for path in files]

    def at_once(files: Sequence[Path]) -> list[str]:
        with ThreadPoolExecutor(len(files)) as threads:
            return list(threads.map(ours, files))

    files = clips()
    many = (files * options.together)[: options.together]
    rounds = []
    for number in range(options.runs + 1):
        raw_seconds, expected = timed(lambda: in_turn(raw, files))
        our_seconds, found = timed(lambda: in_turn(ours, files))
        assert found == expected, (found, expected)
        apart_seconds, expected = timed(lambda: in_turn(raw, many))
        together_seconds, found = timed(lambda: at_once(many))
        assert found == expected, (found, expected)
        if number:  # the first round warms up
            rounds.append(Round(raw_seconds, our_seconds, apart_seconds, together_seconds))
    worker.close()
    launcher.close()
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blas", help="library to preload")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--together", type=int, default=16)
    options = parser.parse_args()
    if options.blas and CHILD not in os.environ:
        command = [sys.executable, "-m", "benchmarks.speech", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command, env=preloaded(options.blas), check=False).returncode)
    rounds = measure(options)
    for each in rounds:
        told = {
            "raw_s": round(each.raw, 3),
            "ours_s": round(each.ours, 3),
            "share": round(each.raw / each.ours, 3),
            "together_share": round(each.apart / each.together, 3),
        }
        sys.stdout.write(json.dumps(told) + "\n")
    for name, shares in (
        ("share, median", [each.raw / each.ours for each in rounds]),
        (f"share of {options.together} at once, median", [each.apart / each.together for each in rounds]),
    ):
        sys.stdout.write(json.dumps({"what": name, "value": round(statistics.median(shares), 3)}) + "\n")


if __name__ == "__main__":
    main()
