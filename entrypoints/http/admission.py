"""How many answers may be open at once: fewer than there are threads, so that /health always finds one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import ServerBusy, ServerShutdown


class AnswerSlots:
    """Thread-safe. Once closed it gives no more."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._open = 0
        self._closed = False
        self._guard = threading.Lock()

    @property
    def open(self) -> int:
        """Answers that run now."""
        return self._open

    @contextmanager
    def take(self) -> Iterator[None]:
        """One slot while the context lasts. Raises ServerBusy when all are taken, ServerShutdown once closed."""
        with self._guard:
            if self._closed:
                raise ServerShutdown("the server is stopping")
            if self._open >= self._count:
                raise ServerBusy(f"all {self._count} places are taken", hint="try again in a moment")
            self._open += 1
        try:
            yield
        finally:
            with self._guard:
                self._open -= 1

    def close(self) -> None:
        with self._guard:
            self._closed = True
