"""What was found out about models in an earlier run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.catalog.report import ModelReport


@dataclass(frozen=True, slots=True)
class RememberedReport:
    """fingerprint: of the folder when it was judged. changed_ns: the newest change it held then, since the epoch."""

    fingerprint: str
    changed_ns: int
    report: ModelReport


class ReportIndex(Protocol):
    """A memory that may be lost at any time and is never believed over the disk: a remembered report counts only
    while the folder's fingerprint is the same. Keys are the caller's. No call raises for what lies on the disk.
    """

    def load(self, context: str) -> Mapping[str, RememberedReport]:
        """What was saved last in the same context; {} when nothing was, or when it cannot be understood."""

    def save(self, context: str, reports: Mapping[str, RememberedReport]) -> None:
        """Replace everything, all or nothing; a place that cannot be written is no error.

        Entries that changed a moment ago may be left out: the next change to them might not show in their times.
        """
