"""How likely the model itself thought a token: for rows that ask."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from adapters.inference.engine.arrays import numbers
from adapters.inference.engine.rows import Row
from ports.text_engine import TokenScore


class Scores:
    """Of one token each, of the rows that asked for logprobs; arrays that nobody has looked at yet."""

    def __init__(self, rows: Sequence[Row], logits: mx.array, tokens: mx.array) -> None:
        """logits: [rows, vocabulary], the model's own. tokens: [rows], drawn."""
        at = [at for at, row in enumerate(rows) if row.asked.logprobs is not None]
        self._rows = [rows[each] for each in at]
        index = mx.array(at, dtype=mx.int32)
        widest = max(row.asked.logprobs or 0 for row in self._rows)
        self.arrays = logprobs_of(logits[index], tokens[index], widest)

    def read(self) -> dict[int, TokenScore]:
        """By row id. Waits for the arrays."""
        chosen, *top = [numbers(array) for array in self.arrays]
        found: dict[int, TokenScore] = {}
        for at, row in enumerate(self._rows):
            best = likeliest(top[0][at], top[1][at], row.asked.logprobs or 0) if top else ()
            found[row.row_id] = TokenScore(chosen[at][0], best)
        return found


def logprobs_of(logits: mx.array, tokens: mx.array, top: int) -> list[mx.array]:
    """The tokens' own [rows, 1], and, unless top is 0, the likeliest ones and theirs, [rows, top] each, in no order.

    logits: [rows, vocabulary]. tokens: [rows].
    """
    exact = logits.astype(mx.float32)
    logprobs = exact - mx.logsumexp(exact, axis=-1, keepdims=True)
    arrays = [mx.take_along_axis(logprobs, tokens[:, None].astype(mx.int32), axis=-1)]
    widest = min(top, logits.shape[-1])
    if widest:
        best = mx.argpartition(-logprobs, kth=widest - 1, axis=-1)[:, :widest]
        arrays += [best, mx.take_along_axis(logprobs, best, axis=-1)]
    return arrays


def likeliest(tokens: Sequence[int], logprobs: Sequence[float], top: int) -> tuple[tuple[int, float], ...]:
    """So many of them, the likeliest first."""
    return tuple(sorted(zip(tokens, logprobs, strict=True), key=lambda pair: (-pair[1], pair[0]))[:top])
