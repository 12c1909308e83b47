"""How many answers may be open at once, every choice of a request counted: fewer than there are threads, so that
/health always finds one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import InvalidRequest, ServerBusy, ServerShutdown


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
    def take(self, count: int = 1) -> Iterator[None]:
        """So many slots while the context lasts. Raises ServerBusy when too few are left, InvalidRequest when there are
        not so many at all, ServerShutdown once closed.
        """
        with self._guard:
            if self._closed:
                raise ServerShutdown("the server is stopping")
            if count > self._count:
                raise InvalidRequest(
                    f"n: {count} answers at once, and this server gives {self._count}", hint="ask for fewer", param="n"
                )
            if self._open + count > self._count:
                taken = f"all {self._count}" if self._open == self._count else f"{self._open} of {self._count}"
                raise ServerBusy(f"{taken} places are taken", hint="try again in a moment")
            self._open += count
        try:
            yield
        finally:
            with self._guard:
                self._open -= count

    def close(self) -> None:
        with self._guard:
            self._closed = True
