"""Which FileSystem deletes."""

from __future__ import annotations

from adapters.filesystem.local import LocalFileSystem
from adapters.filesystem.strict import StrictFileSystem
from ports.filesystem import FileSystem


def file_system(strict: bool) -> FileSystem:
    """strict: nothing is deleted outside the caches of tests."""
    return StrictFileSystem(LocalFileSystem()) if strict else LocalFileSystem()
