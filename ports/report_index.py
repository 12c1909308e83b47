"""What was found out about models in an earlier run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.catalog.location import LocatedModel
from domain.catalog.report import ModelReport


@dataclass(frozen=True, slots=True)
class RememberedReport:
    """fingerprint: of the folder when it was judged. changed_ns: the newest change it held then, since the epoch."""

    fingerprint: str
    changed_ns: int
    report: ModelReport


class ReportIndex(Protocol):
    """A memory that may be lost at any time and is never believed over the disk: a remembered report counts only
    while the folder's fingerprint is the same. No call raises for what lies on the disk.
    """

    def load(self, context: str, locations: Iterable[LocatedModel]) -> Mapping[str, RememberedReport]:
        """What is remembered of these models from the same context, by their key; {} when nothing is, or when it
        cannot be understood.
        """

    def save(self, context: str, reports: Iterable[RememberedReport], *, everything: bool) -> None:
        """Remember these reports, all or none; a place that cannot be written is no error.

        everything: forget all others.

        Entries that changed a moment ago may be left out: the next change to them might not show in their times.
        """
