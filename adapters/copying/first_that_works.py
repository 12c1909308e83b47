"""Chooses the way of copying by trying it: what a filesystem says it can do is not asked, what it does is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from adapters.copying.clonefile import CloneFileCopier
from adapters.copying.plain import PlainCopier
from domain.workspace.copy_method import CopyMethod
from ports.copying import CopyUnsupported, FileCopier, OnBytes


class FirstThatWorks:
    """FileCopier over others, the best first, the last one always able. A way that failed between two disks is not
    tried again between them.
    """

    def __init__(self, copiers: Sequence[FileCopier]) -> None:
        self._copiers = tuple(copiers)
        self._useless: set[tuple[int, int, int]] = set()

    def copy(self, source: Path, target: Path, progress: OnBytes) -> CopyMethod:
        disks = (_disk(source), _disk(target.parent))
        for number, copier in enumerate(self._copiers):
            if (number, *disks) in self._useless:
                continue
            try:
                return copier.copy(source, target, progress)
            except CopyUnsupported:
                self._useless.add((number, *disks))
        raise CopyUnsupported("no way of copying works here")


def system_copier() -> FirstThatWorks:
    """What this operating system offers."""
    if sys.platform == "darwin":
        return FirstThatWorks((CloneFileCopier(), PlainCopier()))
    from adapters.copying.reflink import ReflinkCopier

    return FirstThatWorks((ReflinkCopier(), PlainCopier()))


def _disk(path: Path) -> int:
    try:
        return path.stat().st_dev
    except OSError:
        return -1
