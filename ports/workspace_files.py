"""The folders that workspaces are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Protocol

from domain.workspace.cleanliness import FoundFile
from domain.workspace.content_hash import FileRecord
from domain.workspace.exclusion import Exclusion
from domain.workspace.sentinel import Sentinel


class WorkspaceFiles(Protocol):
    """Reads and writes below one folder at a time; never follows a link out of it. Thread-safe."""

    def sentinel(self, folder: PurePath) -> Sentinel | None:
        """What is written down about a workspace; None without a sentinel, or with one that cannot be read or does not
        say `managed`. Never raises for what lies there.
        """

    def write_sentinel(self, folder: PurePath, sentinel: Sentinel) -> None:
        """Replace the sentinel in one step: a crash leaves the old or the new one. Raises AccessDenied, DiskFull."""

    def look(self, folder: PurePath, exclusion: Exclusion) -> Sequence[FoundFile]:
        """Every file that counts, by stat alone, in no order. Links are not followed and no pattern drops them.
        A folder that cannot be listed counts as empty.
        """

    def hash(self, folder: PurePath, file: FoundFile) -> FileRecord:
        """The file's record. Raises Unhashable when it can have none (domain.workspace.content_hash)."""

    def hash_deep(self, folder: PurePath, file: FoundFile) -> FileRecord:
        """The record over the whole content, tensors included; reads every byte. Raises Unhashable."""

    def names(self, folder: PurePath) -> frozenset[str]:
        """The names of the plain files in the root; a folder that cannot be listed has none."""

    def read(self, folder: PurePath, path: str) -> bytes | None:
        """A small file's content; None when there is no such file, or it is larger than 64 MiB, or cannot be read."""

    def write(self, folder: PurePath, path: str, content: bytes | None) -> None:
        """Replace a file in the root whole, or remove it (None). Raises AccessDenied, DiskFull, Conflict."""
