"""Waiting for something to become true, with a deadline instead of a guess."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE_SECONDS = 20.0
PAUSE_SECONDS = 0.005


def eventually(true_at_last: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Returns as soon as the condition holds; fails the test by its name when the deadline passes."""
    deadline = time.monotonic() + seconds
    while not true_at_last():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for: {what}"
        time.sleep(PAUSE_SECONDS)
