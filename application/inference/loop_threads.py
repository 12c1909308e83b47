"""Threads beside the engine's."""

from __future__ import annotations

import threading
from collections.abc import Callable

from application.inference.loop_messages import Crash


def started(name: str, work: Callable[[], None], crashed: Callable[[Crash], None]) -> threading.Thread:
    """A thread whose death is the loop's: a request must never wait for a thread that is gone. crashed: tells the
    engine thread.
    """

    def guarded() -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - raised again, by the engine thread
            crashed(Crash(fault))

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    return thread
