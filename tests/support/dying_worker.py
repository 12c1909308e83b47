"""A worker that dies at a frame of its own choosing: `python tests/support/dying_worker.py PLAN --fd N`.

PLAN: a file, read at every frame of events. It says "before 3", "inside 3" or "after 3": which frame of events, counted
from when the file was there, the process does not survive, and how much of it still leaves. The file is removed first,
so that the next worker lives. Without it this is an ordinary worker.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Plan:
    """One thread at a time; EngineLoop emits on one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._frames = 0

    def moment(self) -> str | None:
        """When this frame is the last one: before, inside or after it."""
        try:
            moment, number = self._file.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            self._frames = 0
            return None
        self._frames += 1
        if self._frames < int(number):
            return None
        self._file.unlink()
        return moment


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from adapters.worker_process.channel import FrameChannel
    from entrypoints.worker.main import main as worker
    from ports.worker_channel import Reply, RequestEvents

    plan = Plan(Path(sys.argv[1]))
    line = int(sys.argv[-1])
    send = FrameChannel.send

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

    FrameChannel.send = send_or_die  # type: ignore[method-assign, assignment]
    return worker(sys.argv[2:])


if __name__ == "__main__":
    raise SystemExit(main())
