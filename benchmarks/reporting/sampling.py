"""What the processes below another hold while it works: sampled by a thread, summed up by a pure function."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.reporting.process_table import Process, below, held_bytes

INTERVAL_SECONDS = 0.2


@dataclass(frozen=True)
class MemoryUse:
    """Of all processes together."""

    peak_bytes: int
    stable_bytes: int


def memory_use(samples: Sequence[int]) -> MemoryUse | None:
    """samples: bytes held, oldest first, 0 where nothing ran. Settled is the median of the later half of what is not
    0. None: nothing ran.
    """
    running = [each for each in samples if each]
    if not running:
        return None
    return MemoryUse(max(running), int(statistics.median(running[len(running) // 2 :])))


class TreeSampler:
    """A daemon thread between start() and stop(); look() takes one sample more, from any thread.

    read: all processes. root: those below it are counted, itself is not.
    """

    def __init__(
        self, read: Callable[[], Sequence[Process]], root: int, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._read = read
        self._root = root
        self._interval = interval_seconds
        self._samples: list[int] = []
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look(self) -> None:
        held = held_bytes(below(self._read(), self._root))
        with self._guard:
            self._samples.append(held)

    def stop(self) -> list[int]:
        """All samples, oldest first."""
        self._ended.set()
        self._thread.join()
        return self._samples

    def _run(self) -> None:
        while not self._ended.wait(self._interval):
            self.look()
