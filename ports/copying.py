"""A second, independent file with the same content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from domain.workspace.copy_method import CopyMethod

# Called with the bytes that have got their place since the last call; must be quick and must not raise.
OnBytes = Callable[[int], None]


class CopyUnsupported(Exception):
    """This way of copying does not work between these two places; another may. Nothing was left behind."""


class FileCopier(Protocol):
    """Writing either file afterwards never changes the other. Blocks; one thread at a time for one target."""

    def copy(self, source: Path, target: Path, progress: OnBytes) -> CopyMethod:
        """Copy one file's content and modification time; links are followed. `target` must not exist, its folder must.

        The content is on the disk when this returns. Whatever is raised, no target is left. Raises CopyUnsupported,
        AccessDenied, DiskFull, Conflict (the target exists, or the source is gone).
        """
