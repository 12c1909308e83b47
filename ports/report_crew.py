"""Many models judged at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from domain.catalog.location import LocatedModel
from ports.report_index import RememberedReport


class ReportCrew(Protocol):
    """Shares the work among the cores where that pays."""

    def judge_all(
        self, locations: Sequence[LocatedModel], judge: Callable[[LocatedModel], RememberedReport]
    ) -> Sequence[RememberedReport]:
        """In the order of the locations. `judge` is called for each, perhaps in a process of its own: it has no effect
        but its answer.
        """
