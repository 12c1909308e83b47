"""A clock that stands still until a test moves it. Whoever waits for a moment wakes when it has come, or for news."""

from __future__ import annotations

import threading

# No test waits so long: it keeps a broken one from hanging.
SAFETY_SECONDS = 60.0


class FakeClock:
    """application.serving.clock.Clock. waits: the moments that threads sleep until now."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._guard = threading.Lock()
        self._waiting: dict[threading.Condition, list[float]] = {}

    def now(self) -> float:
        return self._now

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        until = None if seconds is None else self._now + seconds
        if until is not None:
            with self._guard:
                self._waiting.setdefault(condition, []).append(until)
        try:
            if until is None or until > self._now:
                condition.wait(SAFETY_SECONDS)
        finally:
            if until is not None:
                with self._guard:
                    self._waiting[condition].remove(until)

    @property
    def waits(self) -> list[float]:
        """Seconds from now until each moment that somebody waits for."""
        with self._guard:
            return sorted(until - self._now for each in self._waiting.values() for until in each)

    def advance(self, seconds: float) -> None:
        """Time passes, and those whose moment has come wake up."""
        with self._guard:
            conditions = list(self._waiting)
        self._now += seconds
        for condition in conditions:
            with condition:
                condition.notify_all()
