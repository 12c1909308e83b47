"""How often and after which pauses a failed request is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import DownloadFailed

RETRY_AFTER = "retry_after_seconds"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """attempts: without progress, the first included. Pauses double from first_pause_seconds; a server's own wish
    (Retry-After) counts when it is longer, up to longest_wish_seconds.
    """

    attempts: int = 6
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 20.0
    longest_wish_seconds: float = 300.0

    def pause_seconds(self, failures: int, fault: DownloadFailed) -> float:
        """Before the next attempt, after so many failures in a row."""
        pause = min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** (failures - 1))
        jittered = pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads clients, protects nothing
        wish = fault.detail.get(RETRY_AFTER)
        if isinstance(wish, int | float):
            return max(jittered, min(float(wish), self.longest_wish_seconds))
        return jittered

    def gives_up(self, failures: int, fault: DownloadFailed) -> bool:
        return not fault.retryable or failures >= self.attempts


Wait = Callable[[float], bool]
"""Sleeps so many seconds; True when it was told to stop instead."""
