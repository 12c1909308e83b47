"""JSON objects over a stream socket: four bytes of length, most significant first, then UTF-8."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
from collections.abc import Mapping

from domain.errors import InternalError

MAX_FRAME_BYTES = 64 * 2**20
LENGTH = struct.Struct("!I")


class FrameSocket:
    """One end of the line between front and worker.

    One thread receives; any thread sends, one frame at a time. `close` wakes both. Owns the socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._reader = end.makefile("rb")
        self._sending = threading.Lock()

    def send(self, message: Mapping[str, object]) -> None:
        """Blocks until the other end's buffer has taken it.

        Raises InternalError when the message is over MAX_FRAME_BYTES, BrokenPipeError when the other end has gone.
        """
        body = json.dumps(message, separators=(",", ":")).encode("ascii")
        if len(body) > MAX_FRAME_BYTES:
            raise InternalError(f"a frame of {len(body):,} bytes is over the limit of {MAX_FRAME_BYTES:,}")
        try:
            with self._sending:
                self._socket.sendall(LENGTH.pack(len(body)) + body)
        except OSError as fault:
            raise BrokenPipeError("the other end of the worker channel has gone") from fault

    def offer(self, message: Mapping[str, object]) -> bool:
        """Send a small message, but only if that cannot block; False when it was not sent. Raises nothing."""
        body = json.dumps(message, separators=(",", ":")).encode("ascii")
        if not self._sending.acquire(blocking=False):
            return False
        try:
            if not _has_room(self._socket):
                return False
            self._socket.sendall(LENGTH.pack(len(body)) + body)
        except (OSError, ValueError):  # ValueError: closed meanwhile
            return False
        finally:
            self._sending.release()
        return True

    def receive(self) -> dict[str, object] | None:
        """Blocks for the next message; None when the other end has gone, mid-frame or between frames.

        Raises InternalError for a frame that is too long or is no JSON object: the line cannot be used after that.
        """
        head = self._read(LENGTH.size)
        if head is None:
            return None
        (size,) = LENGTH.unpack(head)
        if size > MAX_FRAME_BYTES:
            raise InternalError(f"the other end announced a frame of {size:,} bytes, over {MAX_FRAME_BYTES:,}")
        body = self._read(size)
        if body is None:
            return None
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as fault:
            raise InternalError(f"the other end sent a frame of {size:,} bytes that is not JSON") from fault
        if not isinstance(message, dict):
            raise InternalError(f"the other end sent a frame that is a JSON {type(message).__name__}, not an object")
        return message

    def close(self) -> None:
        """Hang up; a thread blocked in `receive` gets None. Idempotent."""
        with contextlib.suppress(OSError):  # closed before, or the other end has gone
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._sending:
            self._reader.close()
            self._socket.close()

    def _read(self, size: int) -> bytes | None:
        try:
            data = self._reader.read(size)
        except (OSError, ValueError):  # ValueError: closed by another thread meanwhile
            return None
        return data if data is not None and len(data) == size else None


def _has_room(end: socket.socket) -> bool:
    """A socket that says so takes some hundreds of bytes at least."""
    poller = select.poll()
    poller.register(end, select.POLLOUT)
    return any(events & select.POLLOUT for _, events in poller.poll(0))
