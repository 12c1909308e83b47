"""The guard of MLXK2_STRICT_TEST_DELETE: a file system that deletes nothing outside a test's own cache."""

from __future__ import annotations

from pathlib import PurePath

from domain.errors import AccessDenied
from ports.filesystem import FileSystem

MARK = "mlxk2_test_"


class StrictFileSystem:
    """Passes deletions on when a folder above has the mark in its name; refuses anything else."""

    def __init__(self, inner: FileSystem) -> None:
        self._inner = inner

    def require_removable(self, path: PurePath) -> None:
        if not any(MARK in part for part in path.parts[:-1]):
            raise AccessDenied(
                f"{path} is not deleted: MLXK2_STRICT_TEST_DELETE is set, and it lies in no folder marked {MARK}",
                hint="unset MLXK2_STRICT_TEST_DELETE, which is for tests",
            )
        self._inner.require_removable(path)

    def remove_file(self, path: PurePath) -> None:
        self.require_removable(path)
        self._inner.remove_file(path)

    def remove_tree(self, path: PurePath) -> None:
        self.require_removable(path)
        self._inner.remove_tree(path)
