"""Prompts on their way into caches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from adapters.inference.engine.arrays import dispatch, numbers
from adapters.inference.engine.batch import Batch
from adapters.inference.engine.caches import can_be_cut_short, evaluate, extracted, finalized, merged
from adapters.inference.engine.drawing import Drawing
from adapters.inference.engine.model import Model
from adapters.inference.engine.probe import LAST_PASS_TOKENS
from adapters.inference.engine.prompt_scores import PromptScorer
from adapters.inference.engine.rows import Row
from adapters.inference.prefixes import NoPrefixes, Prefix, Prefixes
from domain.serving.picture_tokens import before_picture
from ports.text_engine import RowStep, TokenScore


@dataclass(frozen=True, slots=True)
class Started:
    """Rows that have been read, ready to decode, and what each says first. failed: whose grammar broke at once."""

    batch: Batch
    told: list[tuple[Row, int, TokenScore | None]]
    failed: list[RowStep]


class Prefill:
    """One row's tokens, read chunk by chunk, each row by itself: it can fail or be cancelled alone.

    Chunks are counted from where the reading begins and end at the row's own anchors, whatever else is running: a row's
    numbers never depend on its company. The last chunk gives the first token of the answer. encoded: the last `advance`
    encoded a picture.
    """

    encoded = False

    def __init__(self, model: Model, row: Row, chunk_tokens: int, prefixes: Prefixes, prefix: Prefix | None) -> None:
        self.row = row
        self._model = model
        self._prefixes = prefixes
        self._tokens = row.known
        self._marked = row.marked
        self._sight = model.sight(row.asked)
        if self._sight is not None:
            row.shift = self._sight.shift
        self._done = prefix.length if prefix else 0
        self._caches = prefix.caches if prefix else model.make_caches()
        self._scorer: PromptScorer | None = None
        self._network = model.network
        if row.scores_prompt:
            chunk_tokens = min(chunk_tokens, LAST_PASS_TOKENS)
            self._scorer = PromptScorer(model.network, row.asked.prompt, row.asked.score_prompt or 0, row.scored)
            self._network = self._scorer
        self._remembers = not row.scores_prompt and not isinstance(prefixes, NoPrefixes)
        self._anchors = frozenset[int]()
        if self._remembers and row.asked.anchors and not can_be_cut_short(self._caches):
            first = model.first_pass(row.asked)
            self._anchors = frozenset(
                anchor
                for anchor in row.asked.anchors
                if anchor >= first and before_picture(self._marked, anchor) == anchor
            )
        stops = self._anchors if self._sight is None else self._anchors | {len(row.asked.prompt)}
        ends = _pass_ends(self._done, len(self._tokens), chunk_tokens, stops, model.first_pass(row.asked))
        self._ends = list(ends)

    @property
    def special(self) -> bool:
        """It begins from a remembered prefix, or stops for snapshots: it cannot share a pass."""
        return self._done > 0 or bool(self._anchors)

    def advance(self) -> Started | None:
        """Read the next chunk and wait for it, or encode one picture that it shows; the row's start when that was the
        last chunk.
        """
        end = self._ends[0]
        self.encoded = self._sight is not None and self._sight.look(self._done, end)
        if self.encoded:
            return None
        shown = {} if self._sight is None else self._sight.shown(self._done, end)
        tokens = mx.array([self._tokens[self._done : end]])
        del self._ends[0]
        self._done = end
        if self._ends or self.row.asked.only_read:
            self._network(tokens, cache=self._caches, **shown)
            evaluate(self._caches)
            if end in self._anchors:
                self._prefixes.keep(self._marked[:end], self._caches, boundary=True)
            return None
        logits = self._network(tokens, cache=self._caches, **shown)[:, -1]
        started = _started(self._model, [self.row], logits, self._caches)
        if self._remembers:
            self._prefixes.keep(self._marked, self._caches, boundary=end in self._anchors)
        return started

    def news(self, now: float) -> list[RowStep]:
        """What the last chunk has to tell, before anything of the answer. now: on the engine's clock."""
        row, told = self.row, list[RowStep]()
        if row.asked.progress and not row.said:
            told.append(RowStep(row.row_id, None, read=self._done))
        if self._scorer is not None and (scores := self._scorer.take()):
            row.scored += len(scores)
            told.append(RowStep(row.row_id, None, prompt_scores=scores))
        if row.asked.only_read and not self._ends:
            told.append(row.end_of_prompt(now))
        return told


def read_together(model: Model, rows: Sequence[Row], prefixes: Prefixes) -> Started:
    """Prompts of one length, none of them remembered, in one pass."""
    caches = merged([model.make_caches() for _ in rows])
    logits = model.read(mx.array([row.known for row in rows]), caches)
    started = _started(model, rows, logits, finalized(caches))
    if not isinstance(prefixes, NoPrefixes):
        for at, row in enumerate(rows):
            prefixes.keep(row.known, extracted(caches, at), boundary=False)
    return started


def _started(model: Model, rows: Sequence[Row], logits: mx.array, caches: list[Any]) -> Started:
    """Draw the first tokens and wait for them."""
    for row in rows:
        row.drawn = len(row.said)
        if row.held is not None:
            row.stop_tokens = 1  # those behind the first are drawn again
    drawing = Drawing(rows, model, pending=False)
    if drawing.reads_first:
        dispatch(logits)
    tokens, scores = drawing.draw(logits, None)
    mx.eval(tokens, *(scores.arrays if scores else ()))
    evaluate(caches)
    heard = scores.read() if scores else {}
    told = [(row, token, heard.get(row.row_id)) for row, token in zip(rows, numbers(tokens), strict=True)]
    return Started(Batch(model, rows, caches, tokens, single=len(rows) == 1), told, drawing.failed)


def _pass_ends(begin: int, length: int, chunk_tokens: int, stops: frozenset[int], first: int) -> Iterator[int]:
    """first: tokens that go in one pass, however many they are."""
    if first > begin:
        yield first
        begin = first
    for stop in (*sorted(stop for stop in stops if begin < stop < length), length):
        while begin < stop:
            end = min(begin + chunk_tokens, stop)
            if end == length and end - begin > LAST_PASS_TOKENS:
                yield end - 1
            yield end
            begin = end
