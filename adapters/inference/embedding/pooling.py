"""From the vectors of a text's tokens to one."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from domain.inference.vector_habits import Pooling

LEAST_LENGTH = 1e-12


def pooled(hidden: mx.array, lengths: mx.array, starts: mx.array, poolings: Sequence[Pooling]) -> mx.array:
    """hidden [rows, tokens, numbers], padded behind; lengths, starts [rows]: the tokens from `start` to before `length`
    count, or all where that is none; the first one is always CLS. Float32 [rows, numbers x poolings], put together in
    their order.
    """
    hidden = hidden.astype(mx.float32)
    starts = mx.where(starts < lengths, starts, 0)
    parts = [_one(hidden, lengths, starts, each) for each in poolings]
    return parts[0] if len(parts) == 1 else mx.concatenate(parts, axis=-1)


def unit_length(vectors: mx.array) -> mx.array:
    """Each row divided by its length; zeros stay zeros."""
    return vectors / mx.maximum(mx.linalg.norm(vectors, axis=-1, keepdims=True), LEAST_LENGTH)


def _one(hidden: mx.array, lengths: mx.array, starts: mx.array, pooling: Pooling) -> mx.array:
    if pooling is Pooling.CLS:
        return hidden[:, 0]
    if pooling is Pooling.LAST:
        return _at(hidden, lengths - 1)
    places = mx.arange(hidden.shape[1])[None]
    counts = mx.logical_and(places < lengths[:, None], places >= starts[:, None])
    if pooling is Pooling.MAX:
        return mx.where(counts[..., None], hidden, -mx.inf).max(axis=1)
    weights = counts.astype(mx.float32)
    if pooling is Pooling.WEIGHTED_MEAN:
        weights = weights * (places + 1)
    total = weights.sum(axis=1, keepdims=True)
    # What stands behind a text may be no number at all, and 0 times that is none either.
    kept = mx.where(counts[..., None], hidden, 0.0)
    summed = (kept * weights[..., None]).sum(axis=1)
    return summed / mx.sqrt(total) if pooling is Pooling.MEAN_SQRT else summed / total


def _at(hidden: mx.array, places: mx.array) -> mx.array:
    index = mx.broadcast_to(places[:, None, None], (hidden.shape[0], 1, hidden.shape[2]))
    return mx.take_along_axis(hidden, index, axis=1)[:, 0]
