"""The files of a workspace that a hub gets to see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Protocol

from domain.hub.remote_model import RemoteFile
from domain.workspace.push import LocalFile


class PushFiles(Protocol):
    """Reads only."""

    def of(self, folder: PurePath) -> tuple[LocalFile, ...]:
        """Every file but those that `.hfignore` and the defaults leave out, sorted by path. Raises ModelUnhealthy for a
        link that leads out of the workspace: what lies there is not meant for others.
        """

    def same(self, folder: PurePath, file: LocalFile, remote: RemoteFile) -> bool:
        """Whether both hold the same bytes; reads the whole file."""

    def with_tokens(self, folder: PurePath, files: Sequence[LocalFile]) -> tuple[str, ...]:
        """Paths of the small ones among them that hold what looks like a hub token."""
