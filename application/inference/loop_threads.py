"""Threads beside the engine's."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from application.inference.loop_messages import Command, Crash


def started(name: str, work: Callable[[], None], inbox: queue.SimpleQueue[Command]) -> threading.Thread:
    """A thread whose death is the loop's: a request must never wait for a thread that is gone."""

    def guarded() -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - raised again, by the engine thread
            inbox.put(Crash(fault))

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    return thread
