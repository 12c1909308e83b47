"""The running rows: their batches, who joins and leaves, and what happens when a step breaks."""

from __future__ import annotations

from typing import Any

from adapters.inference.engine.batch import Batch, Hear
from adapters.inference.engine.buckets import arranged
from adapters.inference.engine.caches import Weight, cut
from adapters.inference.engine.rows import Row
from adapters.inference.prefixes import NoPrefixes, Prefixes
from domain.errors import GenerationFailed
from ports.text_engine import RowStep

STEPS_ALONE = 2  # a fault of a dispatched step may show only when the next one looks at it


class Decoding:
    """lost: rows whose caches went down with a fault; to be read in again from their tokens."""

    def __init__(self, weight: Weight, prefixes: Prefixes) -> None:
        self._weigh = weight.of
        self._prefixes = prefixes
        self._farewell = None if isinstance(prefixes, NoPrefixes) else self._remember
        self._arriving: list[Batch] = []
        self._batches: list[Batch] = []
        self._stale = False
        self.lost: list[Row] = []

    @property
    def rows(self) -> int:
        """Rows that hold a place."""
        return sum(not row.done for batch in (*self._batches, *self._arriving) for row in batch.rows)

    @property
    def running(self) -> bool:
        """Some rows have begun to decode."""
        return bool(self._batches)

    def join(self, batch: Batch) -> None:
        """These rows decode from the next step on."""
        self._arriving.append(batch)

    def take_out(self, row: Row) -> bool:
        """This row decodes no more for now, and its caches are given back; its token in hand is drawn again later.
        False when it did not decode.
        """
        found = False
        for batches in (self._batches, self._arriving):
            for batch in batches:
                if row in batch.rows:
                    found = True
                    batch.keep([at for at, other in enumerate(batch.rows) if other is not row])
            batches[:] = [batch for batch in batches if batch.rows]
        self._stale = True
        return found

    def all_rows(self) -> list[Row]:
        """Those that hold a place."""
        return [row for batch in (*self._batches, *self._arriving) for row in batch.rows if not row.done]

    def drop_done(self) -> None:
        """Give back at once what batches hold of which no row is wanted. The others shrink at the next step."""
        self._stale = True
        for batches in (self._batches, self._arriving):
            for batch in batches:
                if all(row.done for row in batch.rows):
                    batch.keep([], self._farewell)
            batches[:] = [batch for batch in batches if batch.rows]

    def clear(self) -> None:
        self._arriving, self._batches = [], []

    def step(self, hear: Hear) -> list[RowStep]:
        """One token for every row; failures of single rows."""
        failed = self._arrange() if self._arriving or self._stale else []
        for batch in list(self._batches):
            before = len(batch.rows)
            try:
                failed += batch.step(hear, self._farewell)
            except Exception as fault:  # noqa: BLE001 - translated, for the row it turns out to belong to
                self._batches.remove(batch)
                failed += self._broken([batch], fault)
            else:
                self._passed(batch)
                self._stale = self._stale or len(batch.rows) < before
        if any(row.done for batch in self._batches for row in batch.rows) or any(not b.rows for b in self._batches):
            self.drop_done()
        return failed

    def _arrange(self) -> list[RowStep]:
        running, arriving = self._batches, self._arriving
        self._batches, self._arriving, self._stale = [], [], False
        try:
            for batch in (*running, *arriving):
                batch.keep([at for at, row in enumerate(batch.rows) if not row.done], self._farewell)
            self._batches = arranged(
                [batch for batch in running if batch.rows], [batch for batch in arriving if batch.rows], self._weigh
            )
        except Exception as fault:  # noqa: BLE001 - no single row's: all are read in again
            return self._broken([*running, *arriving], fault)
        return []

    def _passed(self, batch: Batch) -> None:
        for row in batch.rows:
            if row.steps_alone:
                row.steps_alone -= 1
                self._stale = self._stale or not row.steps_alone

    def _broken(self, batches: list[Batch], fault: Exception) -> list[RowStep]:
        """A row that broke alone is the cause. Of several nobody knows: each is read in again and decodes alone."""
        rows = [row for batch in batches for row in batch.rows if not row.done]
        if len(rows) == 1 and rows[0].steps_alone:
            error = GenerationFailed(f"the engine failed while decoding: {fault}")
            error.__cause__ = fault
            return [rows[0].fail(error)]
        for row in rows:
            row.steps_alone = STEPS_ALONE
        self.lost += rows
        return []

    def _remember(self, row: Row, caches: list[Any]) -> None:
        """All that the row's caches hold, without tokens that were drawn and are no part of the answer; nothing where
        the caches cannot be cut, or the row was there for the scores of its prompt.
        """
        if row.asked.score_prompt is not None:
            return
        held = len(row.asked.prompt) + row.drawn - 1
        if cut(caches, max(0, held - row.length)):
            self._prefixes.keep(row.marked[:held], caches, boundary=True)
