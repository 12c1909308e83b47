"""Time as the pool sees it."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Protocol


class Clock(Protocol):
    """Thread-safe."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Give up the condition, which the caller holds, until it is notified or so many seconds have passed; None is
        without limit. May return early: callers look again.
        """


class SteadyClock:
    """The machine's own."""

    def now(self) -> float:
        return monotonic()

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        condition.wait(seconds)
