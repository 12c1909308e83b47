"""Rows that decode together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from adapters.inference.engine.arrays import dispatch, numbers
from adapters.inference.engine.caches import evaluate, extracted, merged
from adapters.inference.engine.drawing import Drawing
from adapters.inference.engine.model import Model
from adapters.inference.engine.rows import Row
from adapters.inference.engine.scores import Scores
from ports.text_engine import RowStep, TokenScore

_LOG = logging.getLogger(__name__)

Hear = Callable[[Row, int, TokenScore | None], None]
Farewell = Callable[[Row, list[Any]], None]


class Batch:
    """Rows, their caches, and the token that each drew last: on its way, not looked at yet (but a row that has just
    been read in has told its first token already: `_told`).

    A step dispatches the next token of every row before it looks at this one, so that the machine never waits for the
    host. single: the caches are those of a single row, as the model makes them. Invariant between steps: the caches
    hold the prompt and all that has been drawn, but for the token in hand.
    """

    def __init__(self, model: Model, rows: Sequence[Row], caches: list[Any], tokens: mx.array, single: bool) -> None:
        """tokens: [rows], drawn and told. caches: of the rows together, or (single) of the one row."""
        self._model = model
        self.rows = list(rows)
        self.caches = caches
        self.single = single
        self._tokens = tokens
        self._scores: list[Scores] = []
        self._told = {row.row_id for row in rows}
        self._drawing: Drawing | None = None
        self._beside: dict[str, Any] | None = None

    def step(self, hear: Hear, farewell: Farewell | None = None) -> list[RowStep]:
        """Decode one token for each row and hand on the one before. Returns grammars' failures, if any.

        hear: told of each row's token, in order; rows that are done then leave before the next step.
        farewell: given the caches of each row that leaves in good order, who may keep them.
        """
        self.keep([at for at, row in enumerate(self.rows) if not row.done], farewell)
        before = self.rows
        try:
            return self._step(hear, farewell)
        except BaseException:
            self.rows = before  # also those whose last token was drawn and could not be told
            raise

    def _step(self, hear: Hear, farewell: Farewell | None) -> list[RowStep]:
        reading, tokens, scores, told = self.rows, self._tokens, self._scores, self._told
        self.keep([at for at, row in enumerate(self.rows) if not row.last_is_drawn], farewell)
        self._told, self._scores = set(), []

        def read() -> None:
            heard = {row_id: score for each in scores for row_id, score in each.read().items()}
            for row, token in zip(reading, numbers(tokens), strict=True):
                if row.row_id not in told:
                    hear(row, token, heard.get(row.row_id))

        if not self.rows:
            read()
            return []
        drawing = self._drawing = self._drawing or Drawing(self.rows, self._model, pending=True)
        if self._beside is None:
            self._beside = self._model.beside(self.rows)
        logits = self._model.read(self._tokens[:, None], self.caches, **self._beside)
        if drawing.reads_first:
            dispatch(logits)
            read()
            self._draw(drawing, logits)
        else:
            self._draw(drawing, logits)
            read()
        return drawing.failed

    def keep(self, at: Sequence[int], farewell: Farewell | None = None) -> None:
        """Only these rows go on."""
        if len(at) == len(self.rows):
            return
        if farewell is not None:
            for leaving in set(range(len(self.rows))).difference(at):
                if not self.rows[leaving].failed:
                    self._bid(leaving, farewell)
        self.rows = [self.rows[each] for each in at]
        self._drawing = self._beside = None
        if not at:
            self.caches = []
            return
        index = mx.array(list(at), dtype=mx.int32)
        for cache in self.caches:
            cache.filter(index)
        self._tokens = self._tokens[index]

    def _bid(self, at: int, farewell: Farewell) -> None:
        """To remember a row's caches is a favour: when that breaks, nobody misses an answer."""
        try:
            farewell(self.rows[at], self._row_caches(at))
        except Exception:  # noqa: BLE001 - as said
            _LOG.debug("the caches of a row could not be kept", exc_info=True)

    def _row_caches(self, at: int) -> list[Any]:
        """One row's own caches, evaluated."""
        if not self.single:
            return extracted(self.caches, at)
        evaluate(self.caches)
        return self.caches

    def _draw(self, drawing: Drawing, logits: mx.array) -> None:
        self._tokens, scores = drawing.draw(logits, self._tokens)
        self._scores = [scores] if scores else []
        dispatch(self._tokens, *(scores.arrays if scores else ()))


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch of them all; they themselves are used up."""
    if len(batches) == 1:
        return batches[0]
    singles = [batch for batch in batches if batch.single]
    others = [batch for batch in batches if not batch.single]
    ordered = [*others, *singles]
    base = others[0].caches if others else merged([batch.caches for batch in singles])
    extra = [batch.caches for batch in others[1:]]
    if others and singles:
        extra.append(merged([batch.caches for batch in singles]))
    for caches in extra:
        for cache, more in zip(base, caches, strict=True):
            cache.extend(more)
    return _joined(ordered, base)


def _joined(batches: Sequence[Batch], caches: list[Any]) -> Batch:
    rows = [row for batch in batches for row in batch.rows]
    whole = Batch(batches[0]._model, rows, caches, mx.concatenate([batch._tokens for batch in batches]), single=False)
    whole._told = set().union(*(batch._told for batch in batches))
    whole._scores = [scores for batch in batches for scores in batch._scores]
    return whole
