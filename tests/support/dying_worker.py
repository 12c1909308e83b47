"""A worker that dies, hangs or fails at a moment of its own choosing: `python dying_worker.py PLAN --fd N`.

PLAN: a file, looked at whenever something could happen. It holds a moment and how often that has to come, counted from
when the file was there. The file is removed first, so that the next worker lives. Without it this is a plain worker.

    before 3   inside 3   after 3     the third frame of events, and how much of it still leaves; the process is killed
    load 1 HOW                        when it is told to load a model
    step 6 HOW                        the sixth step of the engine; the first ones read the prompt

HOW: a signal the process sends itself, or `spin` (this thread goes round for ever), `hog` (more memory than there is).
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FRAMES = ("before", "inside", "after")


class Plan:
    """One thread at a time for each kind of moment; EngineLoop emits on one and steps on another."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._frames = 0
        self._counts = {"load": 0, "step": 0}

    def moment(self) -> str | None:
        """When this frame is the last one: before, inside or after it."""
        words = self._words()
        if words is None or words[0] not in FRAMES:
            self._frames = 0
            return None
        self._frames += 1
        if self._frames < int(words[1]):
            return None
        self._file.unlink()
        return words[0]

    def suffer(self, kind: str) -> None:
        """A load or a step is about to begin."""
        words = self._words()
        if words is None or words[0] != kind:
            self._counts[kind] = 0
            return
        self._counts[kind] += 1
        if self._counts[kind] == int(words[1]):
            self._file.unlink()
            _happen(words[2])

    def _words(self) -> list[str] | None:
        try:
            return self._file.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return None


class FrailEngine:
    """TextEngine: another one."""

    def __init__(self, engine: Any, plan: Plan) -> None:
        self._engine = engine
        self._plan = plan

    def step(self) -> Any:
        self._plan.suffer("step")
        return self._engine.step()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _happen(how: str) -> None:
    if how == "hog":
        bytearray(1 << 60)
    while how == "spin":
        pass
    os.kill(os.getpid(), signal.Signals[how])


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from dataclasses import replace

    from adapters.inference.text_runtime import MlxTextRuntime
    from adapters.worker_process.channel import FrameChannel
    from domain.catalog import LocatedModel
    from domain.serving.load_options import LoadOptions
    from entrypoints.worker.main import main as worker
    from ports.text_runtime import LoadedText
    from ports.worker_channel import Reply, RequestEvents

    plan = Plan(Path(sys.argv[1]))
    line = int(sys.argv[-1])
    send, load = FrameChannel.send, MlxTextRuntime.load

    def send_or_die(channel: FrameChannel, reply: Reply) -> None:
        moment = plan.moment() if isinstance(reply, RequestEvents) else None
        if moment == "before":
            die()
        if moment == "inside":
            os.write(line, struct.pack("!I", 100) + b'{"kind":')
            die()
        send(channel, reply)
        if moment == "after":
            die()

    def load_or_die(runtime: MlxTextRuntime, model: LocatedModel, options: LoadOptions) -> LoadedText:
        plan.suffer("load")
        loaded = load(runtime, model, options)
        return replace(loaded, engine=FrailEngine(loaded.engine, plan))

    FrameChannel.send = send_or_die  # type: ignore[method-assign, assignment]
    MlxTextRuntime.load = load_or_die  # type: ignore[method-assign, assignment]
    return worker(sys.argv[2:])


if __name__ == "__main__":
    raise SystemExit(main())
