"""Which rows decode together: one batch pads all its rows to the longest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from adapters.inference.engine.batch import Batch, joined
from domain.serving.kv_room import MOST_PADDING

Weigh = Callable[[int], int]


def arranged(running: Sequence[Batch], arriving: Sequence[Batch], weigh: Weigh) -> list[Batch]:
    """The batches with the new ones joined in, as few as keep within MOST_PADDING; similar lengths are one batch.

    weigh: what a row of so many tokens costs. Rows that must stay alone do.
    """
    groups = [[batch] for batch in running]
    for batch in sorted(arriving, key=lambda each: -_longest([each])):
        home = next((group for group in groups if _fit([*group, batch], weigh)), None)
        if home is None:
            groups.append([batch])
        else:
            home.append(batch)
    return [joined(group) for group in _fewer(groups, weigh)]


def _fewer(groups: list[list[Batch]], weigh: Weigh) -> list[list[Batch]]:
    """Groups that can share a batch do: rows that made it too wide have left, or all have grown alike."""
    kept: list[list[Batch]] = []
    for group in groups:
        home = next((other for other in kept if _fit([*other, *group], weigh)), None)
        if home is None:
            kept.append(group)
        else:
            home += group
    return kept


def _fit(batches: Sequence[Batch], weigh: Weigh) -> bool:
    rows = [row for batch in batches for row in batch.rows]
    if any(row.steps_alone or row.alone for row in rows):
        return False
    needs = sum(weigh(row.length) for row in rows)
    return len(rows) * weigh(_longest(batches)) <= MOST_PADDING * needs


def _longest(batches: Iterable[Batch]) -> int:
    return max(row.length for batch in batches for row in batch.rows)
