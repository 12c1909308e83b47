"""One open WebSocket: messages in, messages out, and an end that everybody hears of."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from simple_websocket import ConnectionClosed, Server
from wsproto.frame_protocol import CloseReason

from entrypoints.http.realtime.guarded_socket import GuardedSocket

AHEAD_BYTES = 256 * 1024  # received, and not taken yet
CLOSING_SECONDS = 1.0
LONGEST_REASON_BYTES = 120  # a close frame holds 125, two of them the code


class ReaderThread(threading.Thread):
    """What the library receives on. Its end is the line's, however it came about."""

    def __init__(self, *, target: Callable[[], None]) -> None:
        super().__init__(target=target, name="realtime-reader", daemon=True)
        self._guard = threading.Lock()
        self._on_end: Callable[[], None] | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            with contextlib.suppress(
                Exception
            ):  # what no WebSocket says ends the line, whatever the library makes of it
                super().run()
        finally:
            with self._guard:
                self.ended.set()
                tell = self._on_end
            if tell is not None:
                tell()

    def on_end(self, tell: Callable[[], None]) -> None:
        """tell: thread-safe and quick; called once, at once when the end has come already."""
        with self._guard:
            self._on_end = tell
            ended = self.ended.is_set()
        if ended:
            tell()


class Hung(Exception):
    """The line is closed."""


class Line:
    """`receive` by one thread, the others by any."""

    def __init__(self, socket: Server, guarded: GuardedSocket) -> None:
        self._socket = socket
        self._guarded = guarded
        self._reader: ReaderThread = socket.thread
        self._stopping = False
        self.sent_bytes = 0
        guarded.has_room = lambda: sum(map(len, socket.input_buffer)) < AHEAD_BYTES
        guarded.taken()

    @property
    def stopping(self) -> bool:
        return self._stopping

    def on_end(self, tell: Callable[[], None]) -> None:
        """tell: called once when the line is closed, by whomever; thread-safe, quick."""

        def wake() -> None:
            tell()
            self._wake()

        self._reader.on_end(wake)

    def receive(self, seconds: float) -> str | bytes | None:
        """The next message; None after so long, or when the line is to stop. Raises Hung."""
        if self._stopping:
            return None
        try:
            if not self._socket.input_buffer and self._reader.ended.is_set():
                raise Hung
            message: Any = self._socket.receive(timeout=max(0.0, seconds))
        except ConnectionClosed:
            raise Hung from None
        self._guarded.taken()
        if message == b"" and self._reader.ended.is_set():
            raise Hung
        return message if isinstance(message, str | bytes) and not self._stopping else None

    def tell(self, event: Mapping[str, object]) -> None:
        """Raises nothing: whoever reads no more hears no more."""
        text = json.dumps(event, ensure_ascii=False)
        with contextlib.suppress(ConnectionClosed, OSError):
            self._socket.send(text)
            self.sent_bytes += len(text)

    def stop(self) -> None:
        """Let `receive` return None from now on."""
        self._stopping = True
        self._wake()

    def close(self, code: CloseReason, reason: str = "") -> None:
        """Say good-bye, and wait a moment for the answer."""
        with contextlib.suppress(ConnectionClosed, OSError):
            self._socket.close(code, reason.encode()[:LONGEST_REASON_BYTES].decode(errors="ignore"))
        self._reader.ended.wait(CLOSING_SECONDS)
        self._guarded.close()

    def _wake(self) -> None:
        self._socket.input_buffer.append(b"")
        self._socket.event.set()
