"""A worker that hears by a script of its own, without MLX: `python deaf_worker.py --fd N`.

What it is sent is read as text. `hang` makes the engine's piece of work go on for ever, `slow` takes one piece of work
after another and never comes to an end, `prepare` hangs while the sound is decoded; anything else is what is said.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOUND_SECONDS = 2.0


def hang() -> None:
    threading.Event().wait()


class ScriptedCodec:
    def prepare(self, request: Any) -> str:
        text = str(request.sound.data.decode())
        if text == "prepare":
            hang()
        return text


class ScriptedEngine:
    """SoundEngine."""

    def __init__(self) -> None:
        self._jobs: dict[int, str] = {}
        self._fresh: list[int] = []
        self._paused = threading.Event()

    def add(self, job: Any) -> None:
        self._jobs[job.job_id] = str(job.prepared)
        self._fresh.append(job.job_id)

    def step(self) -> Sequence[tuple[int, Any]]:
        from domain.inference.transcription import HeardSegment, HearingProgress, Segment, Transcription

        if self._fresh:
            return [(self._fresh.pop(0), HearingProgress(0.0, SOUND_SECONDS))]
        done: list[tuple[int, Any]] = []
        for job_id, text in list(self._jobs.items()):
            if text == "hang":
                hang()
            if text == "slow":
                self._paused.wait(0.005)
                continue
            del self._jobs[job_id]
            segment = Segment(0, 0.0, SOUND_SECONDS, f" {text}")
            done += [
                (job_id, HeardSegment(segment, text)), (job_id, Transcription(text, "en", SOUND_SECONDS, (segment,))),
            ]  # fmt: skip
        return done

    def drop(self, job_id: int) -> None:
        self._jobs.pop(job_id, None)

    @property
    def jobs(self) -> int:
        return len(self._jobs)

    def pulse(self) -> Any:
        from domain.serving.vitals import EnginePulse

        return EnginePulse(running=len(self._jobs))

    def close(self) -> None:
        self._jobs.clear()


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from adapters.inference.sound.runtime import MlxSoundRuntime
    from domain.catalog import LocatedModel
    from domain.serving.load_options import LoadOptions
    from entrypoints.worker.main import main as worker
    from ports.model_worker import LoadedModel
    from ports.sound_engine import LoadedSound

    def load(_: MlxSoundRuntime, model: LocatedModel, _options: LoadOptions) -> LoadedSound:
        import os

        return LoadedSound(ScriptedEngine(), ScriptedCodec(), LoadedModel(model.name, 448, os.getpid(), 1))

    MlxSoundRuntime.load = load  # type: ignore[method-assign, assignment]
    return worker(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
