"""Drawing the next token of every row in one go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from domain.inference import Sampling
from domain.inference.row_key import row_key

XTC_SALT = 0x5851F42D4C957F2D  # XTC's own coin: another stream of keys than the draw's
NEVER = -float("inf")


class Sampler:
    """Draws for rows whose sampling is given, in the same order at each call. Never raises for any logits.

    Greedy rows take the likeliest token. The others cut the model's distribution as mlx-lm does and in its order:
    top_p, min_p, XTC, top_k, then temperature; the key of a draw is (seed, position), so that a row draws the same
    tokens alone and in any company. top_p 0 is greedy (mlx-lm reads it as "off").
    """

    def __init__(self, samplings: Sequence[Sampling], spared_by_xtc: frozenset[int] = frozenset()) -> None:
        hot = [at for at, sampling in enumerate(samplings) if not sampling.greedy]
        self._hot = [samplings[at] for at in hot]
        self._at = hot
        self._index = None if len(hot) == len(samplings) else mx.array(hot, dtype=mx.int32)
        top_ps = [sampling.top_p for sampling in self._hot]
        self._temperature = self._column([sampling.temperature for sampling in self._hot])
        self._top_p = self._column_unless([top_p if top_p < 1.0 else mx.inf for top_p in top_ps], off=mx.inf)
        self._min_p = self._column_unless([sampling.min_p for sampling in self._hot], off=0.0)
        self._top_k = [sampling.top_k for sampling in self._hot]
        self._xtc = self._column_unless([sampling.xtc_probability for sampling in self._hot], off=0.0)
        self._xtc_threshold = self._column([sampling.xtc_threshold for sampling in self._hot])
        self._spared = mx.array(sorted(spared_by_xtc), dtype=mx.int32) if spared_by_xtc else None

    def draw(self, logits: mx.array, positions: Sequence[int]) -> mx.array:
        """[rows, vocabulary] -> [rows], uint32. positions: of each row's token in its answer, from 0."""
        if not self._hot:
            return mx.argmax(logits, axis=-1)
        hot_logits = logits if self._index is None else logits[self._index]
        drawn = self._draw_hot(hot_logits.astype(mx.float32), [positions[at] for at in self._at])
        if self._index is None:
            return drawn
        tokens = mx.argmax(logits, axis=-1)
        tokens[self._index] = drawn
        return tokens

    def _draw_hot(self, logits: mx.array, positions: Sequence[int]) -> mx.array:
        """What cuts and what draws asks for differences of logits only: they need not be made logprobs."""
        if self._top_p is not None:
            logits = _keep_top_p(logits, self._top_p)
        if self._min_p is not None:
            least = logits.max(axis=-1, keepdims=True) + mx.log(self._min_p)
            logits = mx.where(logits < least, NEVER, logits)
        if self._xtc is not None:
            logits = self._exclude_top_choices(logits, positions)
        if any(self._top_k):
            logits = self._keep_top_k(logits)
        drawn: mx.array = _categorical(logits / self._temperature, self._keys(positions))
        return drawn

    def _keys(self, positions: Sequence[int], salt: int = 0) -> mx.array:
        """[hot rows, 2]: what mx.random.key makes of each row's 64 bits."""
        keys = [
            row_key(sampling.seed ^ salt, position) for sampling, position in zip(self._hot, positions, strict=True)
        ]
        return mx.array([[key >> 32, key & 0xFFFFFFFF] for key in keys], dtype=mx.uint32)

    def _exclude_top_choices(self, logits: mx.array, positions: Sequence[int]) -> mx.array:
        probs = mx.softmax(logits, axis=-1)
        least_of_top = mx.where(probs > self._xtc_threshold, probs, mx.inf).min(axis=-1, keepdims=True)
        excluded = probs > least_of_top
        if self._spared is not None:
            excluded[:, self._spared] = False
        coins = _uniform(self._keys(positions, XTC_SALT))[:, None]
        return mx.where(excluded & (coins <= self._xtc), NEVER, logits)

    def _keep_top_k(self, logits: mx.array) -> mx.array:
        vocabulary = logits.shape[-1]
        kept = [min(k, vocabulary) if k else vocabulary for k in self._top_k]
        rising = mx.sort(logits, axis=-1)
        least = mx.take_along_axis(rising, mx.array([[vocabulary - k] for k in kept]), axis=-1)
        return mx.where(logits < least, NEVER, logits)

    def _column(self, values: Sequence[float]) -> mx.array:
        return mx.array(list(values), dtype=mx.float32)[:, None]

    def _column_unless(self, values: Sequence[float], off: float) -> mx.array | None:
        return None if all(value == off for value in values) else self._column(values)


def _keep_top_p(logits: mx.array, top_p: mx.array) -> mx.array:
    """A token stays while those likelier than it hold less than top_p of the mass; so the likeliest always stays."""
    rising = mx.sort(logits, axis=-1)
    mass_above = mx.cumsum(mx.softmax(rising, axis=-1), axis=-1, reverse=True, inclusive=False)
    dropped = (mass_above >= top_p).sum(axis=-1, keepdims=True)
    least = mx.take_along_axis(rising, mx.minimum(dropped, logits.shape[-1] - 1), axis=-1)
    return mx.where(logits < least, NEVER, logits)


def _categorical(logits: mx.array, keys: mx.array) -> Any:
    return mx.vmap(lambda row, key: mx.random.categorical(row, key=key))(logits, keys)


def _uniform(keys: mx.array) -> Any:
    return mx.vmap(lambda key: mx.random.uniform(shape=(), key=key))(keys)
