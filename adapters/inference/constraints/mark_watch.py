"""Finds marks in text that comes token by token."""

from __future__ import annotations

from collections.abc import Sequence


class MarkWatch:
    """marks: none of them empty."""

    def __init__(self, marks: Sequence[str]) -> None:
        self._marks = [mark.encode() for mark in marks]
        self._keep = max((len(mark) for mark in self._marks), default=1) - 1
        self._tail = b""

    def feed(self, piece: bytes) -> tuple[int, bytes] | None:
        """The first mark that is now complete, as its place in `marks`, and what stands behind it; the watch then
        begins anew. None while there is none.
        """
        text = self._tail + piece
        found = [(at, index) for index, mark in enumerate(self._marks) if (at := text.find(mark)) >= 0]
        if not found:
            self._tail = text[-self._keep :] if self._keep else b""
            return None
        at, index = min(found)
        self._tail = b""
        return index, text[at + len(self._marks[index]) :]
