"""Deleting, as a door that tests can guard."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import PurePath
from typing import Protocol


class FileSystem(Protocol):
    """Absolute paths. What is gone already is no error. Links are removed, never followed."""

    def require_removable(self, path: PurePath) -> None:
        """Raises AccessDenied when this file system deletes nothing there. Deletes nothing itself."""

    def remove_file(self, path: PurePath) -> None:
        """Raises AccessDenied."""

    def remove_tree(self, path: PurePath) -> None:
        """A folder and all that is in it, or a single file or link. Raises AccessDenied; some may be gone then."""


class FileLocks(Protocol):
    """The locks that downloads into the hub's cache take: advisory, on files, gone with the process that held them."""

    def held(self, paths: Sequence[PurePath]) -> tuple[PurePath, ...]:
        """Those that somebody holds now. A file that nobody holds is only a file. Where the filesystem has no locks,
        every file counts as held.
        """

    def hold(self, paths: Sequence[PurePath]) -> AbstractContextManager[None]:
        """Hold them all for the block. Raises Conflict, naming them, when somebody else holds one."""
