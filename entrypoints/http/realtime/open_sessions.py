"""The live sessions of this server: how many there may be, and their end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import ServerBusy, ServerShutdown
from entrypoints.http.realtime.line import Line


class OpenSessions:
    """Thread-safe. count: how many may be open at once: each holds a thread of the server."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._guard = threading.Lock()
        self._taken = 0
        self._closed = False
        self._lines: set[Line] = set()

    @contextmanager
    def place(self) -> Iterator[None]:
        """While the context lasts. Raises ServerBusy, ServerShutdown."""
        with self._guard:
            if self._closed:
                raise ServerShutdown("the server is stopping")
            if self._taken >= self._count:
                raise ServerBusy(f"all {self._count} realtime sessions are taken", hint="try again when one has ended")
            self._taken += 1
        try:
            yield
        finally:
            with self._guard:
                self._taken -= 1

    @contextmanager
    def attended(self, line: Line) -> Iterator[None]:
        """The line is told to stop when the server does."""
        with self._guard:
            self._lines.add(line)
            closed = self._closed
        if closed:
            line.stop()
        try:
            yield
        finally:
            with self._guard:
                self._lines.discard(line)

    def close(self) -> None:
        """No more of them; those that are open answer what they have heard and end. Idempotent."""
        with self._guard:
            self._closed = True
            lines = list(self._lines)
        for line in lines:
            line.stop()
