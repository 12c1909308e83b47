"""JSON objects over a stream socket: four bytes of length, most significant first, then UTF-8.

A message may carry bytes as they are, pictures for instance: its `tails`. In the JSON stand their lengths, in place of
them; they themselves follow the JSON, one after another.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
from collections.abc import Mapping, Sequence

from domain.errors import InternalError

MAX_FRAME_BYTES = 64 * 2**20
MAX_TAILS_BYTES = 64 * 2**20  # all of one message together
MAX_TAILS = 1024
TAILS = "tails"
LENGTH = struct.Struct("!I")


class FrameSocket:
    """One end of the line between front and worker.

    One thread receives; any thread sends, one frame at a time. `close` wakes both. Owns the socket.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._reader = end.makefile("rb")
        self._sending = threading.Lock()

    def send(self, message: Mapping[str, object], tails: Sequence[bytes] = ()) -> None:
        """Blocks until the other end's buffer has taken it; other senders wait as long, which for the most that may be
        sent is some tens of milliseconds. The other end finds `tails` in the message, under that name.

        Raises InternalError when the message or its tails are over their limits, and sends nothing then;
        BrokenPipeError when the other end has gone.
        """
        lengths = [len(tail) for tail in tails]
        _require_room(lengths, "a frame has")
        head = {**message, TAILS: lengths} if tails else message
        body = json.dumps(head, separators=(",", ":")).encode("ascii")
        if len(body) > MAX_FRAME_BYTES:
            raise InternalError(f"a frame of {len(body):,} bytes is over the limit of {MAX_FRAME_BYTES:,}")
        try:
            with self._sending:
                self._socket.sendall(LENGTH.pack(len(body)) + body)
                for tail in tails:
                    self._socket.sendall(tail)
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
        """Blocks for the next message; None when the other end has gone, mid-frame or between frames. Where it has
        tails they are a list of bytes, under `tails`.

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
        return self._with_tails(message) if TAILS in message else message

    def close(self) -> None:
        """Hang up; a thread blocked in `receive` gets None. Idempotent."""
        with contextlib.suppress(OSError):  # closed before, or the other end has gone
            self._socket.shutdown(socket.SHUT_RDWR)
        with self._sending:
            self._reader.close()
            self._socket.close()

    def _with_tails(self, message: dict[str, object]) -> dict[str, object] | None:
        lengths = message[TAILS]
        if not isinstance(lengths, list) or any(type(each) is not int or each < 0 for each in lengths):
            raise InternalError("the other end sent a frame whose tails have no lengths")
        _require_room(lengths, "the other end announced")
        tails: list[bytes] = []
        for length in lengths:
            tail = self._read(length)
            if tail is None:
                return None
            tails.append(tail)
        return {**message, TAILS: tails}

    def _read(self, size: int) -> bytes | None:
        try:
            data = self._reader.read(size)
        except (OSError, ValueError):  # ValueError: closed by another thread meanwhile
            return None
        return data if data is not None and len(data) == size else None


def _require_room(lengths: Sequence[int], what: str) -> None:
    """Raises InternalError, before any memory is taken."""
    if len(lengths) > MAX_TAILS:
        raise InternalError(f"{what} {len(lengths):,} tails, over {MAX_TAILS:,}")
    if sum(lengths) > MAX_TAILS_BYTES:
        raise InternalError(f"{what} tails of {sum(lengths):,} bytes, over {MAX_TAILS_BYTES:,}")


def _has_room(end: socket.socket) -> bool:
    """A socket that says so takes some hundreds of bytes at least."""
    poller = select.poll()
    poller.register(end, select.POLLOUT)
    return any(events & select.POLLOUT for _, events in poller.poll(0))
