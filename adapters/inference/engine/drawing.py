"""From logits to tokens, for the rows of one batch."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from adapters.inference.engine.masks import Masks
from adapters.inference.engine.model import Model
from adapters.inference.engine.penalties import Bias, Penalties
from adapters.inference.engine.rows import Row
from adapters.inference.engine.sampler import Sampler
from adapters.inference.engine.scores import Scores
from ports.text_engine import RowStep


class Drawing:
    """Bias, penalties, grammar, then the draw, in that order; scores are of the model, before all of them.

    Made anew whenever rows join or leave. pending: each row has drawn a token that `draw` will be told as `last`.
    reads_first: some row's grammar must hear a token before the next is drawn.
    """

    def __init__(self, rows: Sequence[Row], model: Model, pending: bool) -> None:
        self._rows = list(rows)
        stops = frozenset(token for token in model.stops if token < model.vocabulary)
        self._sampler = Sampler([row.asked.sampling for row in rows], spared_by_xtc=stops)
        self._bias = Bias(rows)
        self._penalties = Penalties(rows, model.vocabulary, pending)
        self._scores = any(row.asked.logprobs is not None for row in rows)
        self.reads_first = any(row.constraint is not None for row in rows)
        self.failed: list[RowStep] = []

    def draw(self, logits: mx.array, last: mx.array | None) -> tuple[mx.array, Scores | None]:
        """[rows, vocabulary] -> [rows]. last: [rows], the token that each row drew before this one, if it did.

        Nothing is evaluated, but where there are grammars the masks are made. failed: of this draw.
        """
        model_logits = logits
        if not self._bias.none:
            logits = self._bias.apply(logits)
        if not self._penalties.none:
            logits = self._penalties.apply(logits + 0 if logits is model_logits else logits, last)
        if self.reads_first:
            masks = Masks(self._rows, logits.shape[-1])
            self.failed = masks.failed
            logits = masks.apply(logits + 0 if logits is model_logits else logits)
        tokens = self._sampler.draw(logits, [row.drawn for row in self._rows])
        for row in self._rows:
            row.drawn += 1
        return tokens, Scores(self._rows, model_logits, tokens) if self._scores else None
