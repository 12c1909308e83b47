"""What every new workspace needs: counted bytes, and a sentinel with its hash."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from domain.workspace.content_hash import Unhashable
from domain.workspace.exclusion import DEFAULT_EXCLUDES, Exclusion
from domain.workspace.progress import OnWork, Stage, WorkProgress
from domain.workspace.sentinel import Fingerprint, Sentinel
from ports.workspace_files import WorkspaceFiles


class ByteCount:
    """OnBytes that tells how far the whole is."""

    def __init__(self, work: OnWork, total_bytes: int) -> None:
        self._work = work
        self._total_bytes = total_bytes
        self.done_bytes = 0
        self.file = ""

    def __call__(self, count: int) -> None:
        self.done_bytes += count
        self._work(WorkProgress(Stage.COPYING, self.file, self.done_bytes, self._total_bytes))


def sealed(files: WorkspaceFiles, folder: Path, sentinel: Sentinel, now: datetime) -> tuple[Sentinel, tuple[str, ...]]:
    """The sentinel with the folder's content hash; without one, and with a warning, when it can have none."""
    try:
        records = [files.hash(folder, each) for each in files.look(folder, Exclusion(DEFAULT_EXCLUDES))]
    except Unhashable as fault:
        return sentinel, (f"no content hash: {fault}",)
    return sentinel.with_fingerprint(Fingerprint.of(records, DEFAULT_EXCLUDES, now)), ()
