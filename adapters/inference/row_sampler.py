"""One row's sampler: temperature and top_p as mlx-lm defines them, with randomness of the row's own."""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx

from domain.inference import Sampling
from domain.inference.row_key import row_key

Sampler = Callable[[mx.array], mx.array]


def sampler_for(sampling: Sampling) -> Sampler:
    """The sampler of one row, to be called once for each token of its answer, in order.

    Greedy rows share one function, so that a batch of them is sampled in one call. top_p 0 leaves only the likeliest
    token, which is greedy too (mlx-lm reads 0 as "off").
    """
    if sampling.greedy or sampling.top_p == 0.0:
        return greedy
    return RowSampler(sampling)


def greedy(logprobs: mx.array) -> mx.array:
    """The likeliest token. [rows, vocabulary] -> [rows]."""
    return mx.argmax(logprobs, axis=-1)


class RowSampler:
    """Draws with key = (seed, position): the same tokens alone and in any company. Never raises.

    top_p cuts the model's own distribution, before temperature, as mlx-lm does.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._seed = sampling.seed
        self._position = 0
        self._temperature = mx.array(sampling.temperature)
        self._top_p = mx.array(sampling.top_p)
        self._draw = _draw_nucleus if sampling.top_p < 1.0 else _draw

    def __call__(self, logprobs: mx.array) -> mx.array:
        """[1, vocabulary] -> [1]."""
        key = mx.random.key(row_key(self._seed, self._position))
        self._position += 1
        return self._draw(logprobs, self._temperature, self._top_p, key)


@mx.compile
def _draw(logprobs: mx.array, temperature: mx.array, _top_p: mx.array, key: mx.array) -> mx.array:
    return mx.random.categorical(logprobs.astype(mx.float32) / temperature, key=key)


@mx.compile
def _draw_nucleus(logprobs: mx.array, temperature: mx.array, top_p: mx.array, key: mx.array) -> mx.array:
    """A token stays while those likelier than it hold less than top_p of the mass; so the likeliest always stays."""
    logprobs = logprobs.astype(mx.float32)
    ranked = -mx.sort(-logprobs, axis=-1)
    mass = mx.exp(ranked)
    likelier = mx.cumsum(mass, axis=-1, inclusive=False)
    kept = likelier < top_p * mass.sum(axis=-1, keepdims=True)
    least = mx.where(kept, ranked, mx.inf).min(axis=-1, keepdims=True)
    nucleus = mx.where(logprobs < least, -mx.inf, logprobs)
    return mx.random.categorical(nucleus / temperature, key=key)
