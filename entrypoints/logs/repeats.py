"""The same complaint over and over is one line, and a number."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

QUIET_SECONDS = 5.0
MOST_REMEMBERED = 256


class RepeatFilter(logging.Filter):
    """Lets the same warning or error through at most once in QUIET_SECONDS; the next one that goes through says in
    `suppressed_count` how many did not. Thread-safe. now: monotonic seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._guard = threading.Lock()
        self._seen: dict[tuple[str, int, str, str], list[float | int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        fault = record.exc_info[1] if record.exc_info else None
        key = (record.name, record.levelno, record.getMessage(), "" if fault is None else repr(fault))
        now = self._now()
        with self._guard:
            last = self._seen.pop(key, None)
            if last is not None and now - last[0] < QUIET_SECONDS:
                last[1] += 1
                self._seen[key] = last
                return False
            self._seen[key] = [now, 0]
            if len(self._seen) > MOST_REMEMBERED:
                del self._seen[next(iter(self._seen))]
        record.suppressed_count = 0 if last is None else int(last[1])
        return True
