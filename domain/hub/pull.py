"""A pull as those see it who asked for it: its answer, and what happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from domain.hub.download_plan import DownloadPlan


class PullStatus(StrEnum):
    """Where a pull stands; those of the reference's JSON, and `planned` for a dry run."""

    CHECKING_ACCESS = "checking_access"
    ALREADY_EXISTS = "already_exists"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    PLANNED = "planned"
    DOWNLOADING = "downloading"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class PullOutcome:
    """How a pull ended. fetched_bytes: what came over the network. warnings: in words, for people. path: the snapshot's
    folder, None when there is none.
    """

    name: str
    status: PullStatus
    message: str
    commit: str | None = None
    path: str | None = None
    plan: DownloadPlan | None = None
    fetched_bytes: int = 0
    warnings: tuple[str, ...] = ()


class ProgressKind(StrEnum):
    """What happened. The values are part of the JSON lines (docs/hub.md)."""

    STATUS = "status"
    WARNING = "warning"
    WAITING = "waiting"
    PLAN = "plan"
    FILE_STARTED = "file_started"
    BYTES = "bytes"
    VERIFYING = "verifying"
    RETRY = "retry"
    FILE_DONE = "file_done"


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that happened. file: its path, "" for the whole pull. done_bytes: how much of the file is here."""

    kind: ProgressKind
    file: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    text: str = ""
    plan: DownloadPlan | None = None


# Called from several threads at once; must be quick and must not raise.
OnProgress = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """For callers who want no progress."""
