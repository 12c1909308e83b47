"""Lines on a descriptor that may be a pipe nobody reads, or a terminal somebody has stopped: nobody waits for it."""

from __future__ import annotations

import logging
import os
import select
import time

MOST_WAITING_BYTES = 1024 * 1024
LAST_SECONDS = 1.0


class DescriptorHandler(logging.Handler):
    """Writes what can be written at once. The rest waits, MOST_WAITING_BYTES of it, for the next line or for `flush`;
    lines beyond that are lost, and the log says how many. Thread-safe.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._waiting = bytearray()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Called with the handler's lock held."""
        try:
            line = f"{self.format(record)}\n".encode(errors="backslashreplace")
        except Exception:  # noqa: BLE001  (a record that cannot be formatted: logging says so in its own way)
            self.handleError(record)
            return
        if len(self._waiting) + len(line) <= MOST_WAITING_BYTES:
            self._waiting += line
        else:
            self._lost += 1
        self._write(0.0)
        if self._lost and not self._waiting:
            lost, self._lost = self._lost, 0
            words = f"{lost} lines of this log were lost: nobody read it"
            self.emit(logging.LogRecord(__name__, logging.WARNING, __file__, 0, words, None, None))

    def flush(self) -> None:
        """Waits for a reader, but not for long."""
        self.acquire()
        try:
            self._write(LAST_SECONDS)
        finally:
            self.release()

    def _write(self, seconds: float) -> None:
        """Pieces of PIPE_BUF: so much a pipe takes without blocking once it says that it is writable."""
        deadline = time.monotonic() + seconds
        while self._waiting:
            ready = self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                return
            try:
                written = os.write(self._descriptor, self._waiting[: select.PIPE_BUF])
            except BlockingIOError:
                return
            except OSError:  # the reader has gone for good, and there is nobody to tell
                self._waiting.clear()
                return
            del self._waiting[:written]
