"""How long a client may take to send its request.

Every request has a deadline, and silence inside it has a shorter one. Short pauses are free; longer ones are allowed to
few threads at a time, so that half-sent requests cannot hold them all.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator

from gunicorn.http.unreader import SocketUnreader

from entrypoints.http.limits import HttpLimits

FREE_PAUSE_SECONDS = 0.2


class TooSlow(Exception):
    """The client took too long to send what it announced."""


class Patience:
    """What slow clients are allowed; shared by all connections. Thread-safe."""

    def __init__(self, limits: HttpLimits) -> None:
        self.send_seconds = limits.send_seconds
        self._places = threading.BoundedSemaphore(limits.slow_clients)
        self._silence_seconds = limits.silence_seconds
        self._request_seconds = limits.request_seconds

    def deadline(self) -> float:
        """For a request that begins now; monotonic seconds."""
        return time.monotonic() + self._request_seconds

    @contextlib.contextmanager
    def place(self) -> Iterator[bool]:
        """Whether this thread may wait for its client for some time; never blocks."""
        granted = self._places.acquire(blocking=False)
        try:
            yield granted
        finally:
            if granted:
                self._places.release()

    def wait(self, connection: socket.socket, deadline: float) -> None:
        """Block until the connection has something to read. deadline: monotonic seconds. Raises TooSlow."""
        free = min(FREE_PAUSE_SECONDS, self._silence_seconds)
        if _readable(connection, min(free, deadline - time.monotonic())):
            return
        with self.place() as granted:
            left = min(self._silence_seconds - free, deadline - time.monotonic())
            if not granted or not _readable(connection, left):
                raise TooSlow


class PatientReader(SocketUnreader):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's source of request bytes, with a deadline for each request. One thread at a time.

    gave_up: the client was too slow; it is not waited for again.
    """

    def __init__(self, connection: socket.socket, patience: Patience) -> None:
        super().__init__(connection)
        self._patience = patience
        self._deadline = 0.0
        self.gave_up = False

    def begin_request(self) -> None:
        self._deadline = self._patience.deadline()

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes, b"" at the end. Raises TooSlow."""
        connection: socket.socket = self.sock
        if connection.gettimeout() is not None:  # gunicorn drains an unread body, on a clock of its own
            return bytes(super().chunk(size_hint))
        size = min(max(size_hint or 0, self.mxchunk), self.max_body_chunk)
        try:
            if time.monotonic() > self._deadline:
                raise TooSlow
            with contextlib.suppress(BlockingIOError):
                return connection.recv(size, socket.MSG_DONTWAIT)
            self._patience.wait(connection, self._deadline)
        except TooSlow:
            self.gave_up = True
            raise
        return connection.recv(size)


def _readable(connection: socket.socket, seconds: float) -> bool:
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    return bool(poller.poll(max(0.0, seconds) * 1000))
