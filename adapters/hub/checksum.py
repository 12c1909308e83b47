"""The hashes that the hub knows a file by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from domain.hub.remote_model import RemoteFile

_PIECE_BYTES = 1 << 20


class Hasher(Protocol):
    """What hashlib's objects have."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def hasher_for(file: RemoteFile, size_bytes: int) -> Hasher:
    """sha256 for files in large-file storage, git's blob hash (which begins with the size) for all others."""
    if file.sha256 is not None:
        return hashlib.sha256()
    hasher = hashlib.sha1(usedforsecurity=False)
    hasher.update(b"blob %d\0" % size_bytes)
    return hasher


def checksum_of(path: Path, file: RemoteFile, step: Callable[[int], None] = lambda _: None) -> str:
    """Of the file at path, whole. step: called with the bytes read so far. Raises OSError."""
    with path.open("rb") as stream:
        hasher = hasher_for(file, path.stat().st_size)
        done = 0
        while piece := stream.read(_PIECE_BYTES):
            hasher.update(piece)
            done += len(piece)
            step(done)
    return hasher.hexdigest()
