"""Work on a workspace while it runs: a remark for each stage, with how far it is now and then."""

from __future__ import annotations

import time

from domain.workspace.progress import OnWork, Stage, WorkProgress, unheard
from entrypoints.cli.console import Console
from entrypoints.cli.presenters.formatting import size

BETWEEN_REMARKS_SECONDS = 5.0
# Stages that are over before anybody could read of them are not worth a line.
_QUICK = (Stage.HASHING, Stage.CHECKING, Stage.COPYING)


def work_progress_for(console: Console, *, quiet: bool) -> OnWork:
    """Remarks for people at a terminal; nothing in JSON mode or when told to be quiet."""
    return unheard if quiet or console.json or not console.output_is_terminal else WorkRemarks(console)


class WorkRemarks:
    """OnWork."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stage: Stage | None = None
        self._next = 0.0

    def __call__(self, progress: WorkProgress) -> None:
        now = time.monotonic()
        fresh = progress.stage is not self._stage
        self._stage = progress.stage
        if fresh:
            self._next = now + BETWEEN_REMARKS_SECONDS
            if progress.stage not in _QUICK:
                self._console.note(f"{progress.stage.value.capitalize()} ...")
        elif now >= self._next:
            self._next = now + BETWEEN_REMARKS_SECONDS
            total = f" of {size(progress.total_bytes)}" if progress.total_bytes else ""
            self._console.note(f"{progress.stage.value.capitalize()}: {size(progress.done_bytes)}{total}")
