"""What a server counts of its live transcriptions."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from domain.serving.metrics import MetricFamily, counter, gauge

HEARD = "heard"


class LiveCounts:
    """Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._open = 0
        self._sessions = 0
        self._seconds = 0.0
        self._turns: Counter[str] = Counter()

    @contextmanager
    def session(self) -> Iterator[None]:
        """One is open while the context lasts."""
        with self._guard:
            self._open += 1
            self._sessions += 1
        try:
            yield
        finally:
            with self._guard:
                self._open -= 1

    def turn(self, how: str, seconds: float) -> None:
        """how: HEARD, `cancelled`, or the code of the error. seconds: of its sound."""
        with self._guard:
            self._turns[how] += 1
            self._seconds += seconds

    def families(self) -> list[MetricFamily]:
        with self._guard:
            turns = [((("outcome", how),), count) for how, count in self._turns.items()]
            return [
                gauge("mlxk_realtime_sessions", "Live transcriptions that are open", [((), self._open)]),
                counter("mlxk_realtime_sessions_total", "Live transcriptions", [((), self._sessions)]),
                counter("mlxk_realtime_turns_total", "Turns of live transcriptions, by how they ended", turns),
                counter("mlxk_realtime_seconds_total", "Seconds of sound in those turns", [((), self._seconds)]),
            ]
