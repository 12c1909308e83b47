"""Lines of a pipe or a file, some at a time: as many as are there, and no more than are wanted at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from domain.errors import InvalidRequest

PIECE_BYTES = 64 * 1024
LONGEST_LINE = 4 * 1024 * 1024
BATCH_LINES = 256
BATCH_BYTES = 1024 * 1024  # a batch takes no further line from here on

Line = tuple[int, bytes]


class ByteSource(Protocol):
    def read(self, size: int) -> bytes:
        """What is there, up to so many bytes; waits for the first. b"" at the end. Raises OSError."""

    def ready(self) -> bool:
        """Whether `read` would not wait."""


class LineBatches:
    """Iterates over batches of (number, line), numbers from 1, lines without their ends. A batch is not held back for
    lines that are still to come. named: the source, for errors. One thread.
    """

    def __init__(self, source: ByteSource, named: str) -> None:
        self._source = source
        self._named = named
        self._lines: deque[Line] = deque()
        self._rest = b""
        self._number = 0
        self._ended = False
        self._fault: InvalidRequest | None = None

    @property
    def at_hand(self) -> bool:
        """Whether the next batch can be made without waiting; also true at the end."""
        return bool(self._lines) or self._ended or self._source.ready()

    def __iter__(self) -> Iterator[list[Line]]:
        """Raises InvalidRequest for a line that is too long, and when the source cannot be read."""
        while batch := self._batch():
            yield batch

    def _batch(self) -> list[Line]:
        batch: list[Line] = []
        size = 0
        while len(batch) < BATCH_LINES and size < BATCH_BYTES:
            if self._lines:
                batch.append(self._lines.popleft())
                size += len(batch[-1][1])
            elif batch and (self._ended or not self._source.ready()):
                break
            elif self._fault is not None:
                raise self._fault
            elif self._ended:
                break
            else:
                self._fill()
        return batch

    def _fill(self) -> None:
        """One piece more. A fault is kept until all before it has been handed out."""
        try:
            piece = self._source.read(PIECE_BYTES)
        except OSError as fault:
            self._fail(f"{self._named} cannot be read: {fault.strerror or fault}")
            return
        *whole, rest = (self._rest + piece).split(b"\n")
        self._rest = rest
        if not piece:
            self._ended = True
            whole, self._rest = ([rest] if rest else []), b""
        for line in whole:
            self._number += 1
            self._lines.append((self._number, line.removesuffix(b"\r")))
        if len(self._rest) > LONGEST_LINE:
            self._fail(f"{self._named}, line {self._number + 1:,} is longer than {LONGEST_LINE:,} bytes")

    def _fail(self, message: str) -> None:
        self._fault = InvalidRequest(message)
        self._ended = True
