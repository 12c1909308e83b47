"""A session's socket, as its WebSocket library sees it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class GuardedSocket:
    """Several threads send whole frames; one receives, and not more than is taken. Closing it only shuts it down: the
    server that accepted it closes it. has_room: whether more may be received; look again after `taken`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._closed = False
        self.has_room: Callable[[], bool] = lambda: True

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, data: bytes) -> int:
        """All of it. Raises OSError when the client takes nothing for too long, or has gone; then nothing more can be
        sent.
        """
        with self._sending:
            if self._closed:
                raise BrokenPipeError("this connection is closed")
            try:
                self._connection.sendall(data)
            except OSError:
                self.close()
                raise
        return len(data)

    def recv(self, size: int) -> bytes:
        """Blocks until there is room. b"" at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self.has_room())
        return b"" if self._closed else self._connection.recv(size)

    def taken(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Idempotent; wakes whoever receives."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
