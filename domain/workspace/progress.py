"""What a long piece of work on a workspace says while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    COPYING = "copying"
    HASHING = "hashing"
    CHECKING = "checking"
    LOADING = "loading"
    CONVERTING = "converting"
    SAVING = "saving"
    UPLOADING = "uploading"


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """file: what is being worked on, "" for the whole. Bytes of the whole work; total_bytes 0 where nobody knows."""

    stage: Stage
    file: str = ""
    done_bytes: int = 0
    total_bytes: int = 0


# Must be quick and must not raise. May be called from another thread than the caller's.
OnWork = Callable[[WorkProgress], None]


def unheard(progress: WorkProgress) -> None:
    """For callers who want no progress."""
