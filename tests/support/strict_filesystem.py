"""The guard of MLXK2_STRICT_TEST_DELETE: a file system that deletes nothing outside a test's own cache."""

from __future__ import annotations

from pathlib import PurePath

from ports.filesystem import FileSystem

MARK = "mlxk2_test_"


class StrictFileSystem:
    """Passes deletions on when a folder above has the mark in its name; anything else is a fault of the test."""

    def __init__(self, inner: FileSystem) -> None:
        self._inner = inner

    def remove_file(self, path: PurePath) -> None:
        self._guard(path)
        self._inner.remove_file(path)

    def remove_tree(self, path: PurePath) -> None:
        self._guard(path)
        self._inner.remove_tree(path)

    def _guard(self, path: PurePath) -> None:
        if not any(MARK in part for part in path.parts[:-1]):
            raise AssertionError(f"a test would have deleted {path}, which lies in no folder marked {MARK}")
