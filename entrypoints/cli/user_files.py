"""Files that the user names on the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import AccessDenied, InvalidRequest


def require_place(path: Path) -> None:
    """Raises InvalidRequest or AccessDenied when a file could not be written there: better known before the work."""
    if path.is_dir():
        raise InvalidRequest(f"cannot write {path}: it is a folder", hint="name a file")
    if not path.parent.is_dir():
        raise InvalidRequest(f"cannot write {path}: there is no folder {path.parent}", hint="make it first")
    if not os.access(path.parent, os.W_OK):
        raise AccessDenied(f"cannot write {path}: no permission in {path.parent}")


def write_whole(path: Path, text: str) -> None:
    """Whole or not at all; what stands there is replaced. Raises AccessDenied."""
    with writing_whole(path) as write:
        write(text.encode("utf-8"))


@contextmanager
def writing_whole(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Piece by piece; the file is there, in place of what stood there, once the context has ended well, and else
    nothing has changed. Raises AccessDenied.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _told(path):
        file = unfinished.open("wb")
    try:

        def write(data: bytes) -> None:
            with _told(path):
                file.write(data)

        yield write
        with _told(path):
            file.flush()
            os.fsync(file.fileno())
            unfinished.replace(path)
    finally:
        file.close()
        unfinished.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise AccessDenied(f"cannot write {path}: {fault.strerror or fault}", hint="name another file") from fault


def read_text(path: Path, most_bytes: int) -> str:
    """The file's text, as UTF-8. Raises InvalidRequest when it cannot be read, is no text, or is larger."""
    try:
        with path.open("rb") as file:
            raw = file.read(most_bytes + 1)
    except OSError as fault:
        raise InvalidRequest(f"cannot read {path}: {fault.strerror or fault}") from fault
    if len(raw) > most_bytes:
        raise InvalidRequest(f"{path} is larger than {most_bytes:,} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise InvalidRequest(f"{path} is not UTF-8 text (byte {fault.start:,})") from fault
