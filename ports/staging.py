"""A folder that appears whole: made beside its place, moved there in one step."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePath
from typing import Protocol

from ports.copying import FileCopier, OnBytes


class StagingArea(Protocol):
    """The unfinished folder, on the target's volume, held by this process alone. Raises AccessDenied, DiskFull."""

    @property
    def workspace(self) -> Path:
        """What will become the target. Its files are whole; what a crash left half-made is not among them."""

    @property
    def cache(self) -> Path:
        """A hub cache of its own, for downloads; it survives until the target is there."""

    @property
    def note(self) -> Mapping[str, object]:
        """What an interrupted run wrote down with `write_note`; {} in a fresh area."""

    @property
    def holds_downloads(self) -> bool:
        """Whether anything lies in the cache."""

    def write_note(self, note: Mapping[str, object]) -> None:
        """Remember JSON-ready facts for the run that resumes this one."""

    def clear(self) -> None:
        """Empty the workspace; keep the cache."""

    def copy(self, source: Path, path: str, copier: FileCopier, progress: OnBytes) -> str:
        """Copy a file to `path` below the workspace, whole or not at all; its folders are made. Returns how: the value
        of a CopyMethod.
        """

    def link(self, target: str, path: str) -> None:
        """Make a symbolic link at `path` below the workspace, unless it is there."""

    def write_json(self, path: str, value: Mapping[str, object] | None) -> None:
        """Put a JSON file at `path` below the workspace, whole; None removes what is there."""

    def free_bytes(self) -> int:
        """Of the target's volume, for this user."""

    def publish(self) -> None:
        """Flush the workspace to the disk and move it to the target; the rest of the area is removed. Raises Conflict
        when something has appeared at the target meanwhile.
        """

    def discard(self) -> None:
        """Remove the area with all that is in it."""


class Staging(Protocol):
    def real(self, folder: PurePath) -> Path:
        """Absolute, every link on the way resolved; the folder need not exist."""

    def is_folder(self, folder: PurePath) -> bool:
        """Whether a folder is there, links followed."""

    def require_free(self, target: PurePath) -> None:
        """Raises Conflict unless the target is absent or an empty folder; InvalidRequest when its parent does not
        exist; AccessDenied when nothing can be written there.
        """

    def free_bytes(self, target: PurePath) -> int:
        """Of the volume that the target's parent lies on, for this user."""

    def open(self, target: PurePath, key: str) -> AbstractContextManager[StagingArea]:
        """The area for this target and key, resumed where an earlier run with both left one. Leaving the block keeps
        what was neither published nor discarded. Raises Conflict while another process holds it, or when something that
        is not ours has its name.
        """
