"""Files of JSON lines that several processes may add to, one after another or at once, and that a kill leaves whole."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


class LineFault(Exception):
    """A line that is no JSON object. The message names file and line."""


@dataclass(frozen=True)
class Line:
    """number: from 1."""

    place: Path
    number: int
    text: str

    def parsed(self) -> dict[str, object]:
        """Raises LineFault."""
        try:
            found = json.loads(self.text)
        except ValueError as fault:
            raise LineFault(f"{self.place}:{self.number}: no JSON: {fault}") from fault
        if not isinstance(found, dict):
            raise LineFault(f"{self.place}:{self.number}: no JSON object")
        return found


def append(place: Path, record: Mapping[str, object]) -> None:
    """All of the line or nothing, on the disk when this returns. Raises OSError.

    What a killed process left without a line end is closed first, so that it spoils no line but its own.
    """
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    handle = os.open(place, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        end = os.fstat(handle).st_size
        torn = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
        waiting = memoryview(f"{chr(10) * torn}{text}\n".encode())
        try:
            while waiting:
                waiting = waiting[os.write(handle, waiting) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)


def lines(place: Path) -> Iterator[Line]:
    """Without the empty ones. Raises OSError."""
    with place.open(encoding="utf-8", errors="replace") as file:
        for number, text in enumerate(file, 1):
            if text.strip():
                yield Line(place, number, text)


def records(place: Path) -> list[dict[str, object]]:
    """Raises OSError, LineFault."""
    return [line.parsed() for line in lines(place)]
