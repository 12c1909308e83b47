"""Warm against cold: does a model say the same with remembered caches as without? MLX, on the engine's thread."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import QuantizedKVCache

from adapters.inference.prefix_cache.layout import Layout, leaves_of
from adapters.inference.prefixes import Prefix
from domain.serving.cache_check import CacheCheck

CHECKED_TOKENS = 512
CHECKED_WHOLE_TOKENS = 2_048
CHUNK_TOKENS = 512
LIKELIEST = 20
# Log-probabilities of the likeliest tokens. A chunk of another length rounds differently, and quantised caches may have
# been quantised before or after the prompt was read; a wrong position or a lost token shifts them by more.
TOLERANCE_FLOAT32 = 0.02
TOLERANCE_HALF = 0.5
TOLERANCE_QUANTISED = 2.0


def sample_of(sequence: tuple[int, ...], *, exact: bool) -> tuple[int, ...]:
    """Tokens to compare with: of a sequence that was kept, the beginning, or, where only its end can be reused, all of
    it and one more token to read; none of one that is too long for that.
    """
    if not exact:
        return sequence[: CHECKED_TOKENS + 1]
    return (*sequence, sequence[0]) if len(sequence) <= CHECKED_WHOLE_TOKENS else ()


def compare(model: Any, tokens: tuple[int, ...], warm: Prefix, layout: Layout, fresh: list[Any]) -> CacheCheck:
    """warm: of these tokens; written on here. fresh: empty caches of the model."""
    cold = _like(layout, fresh)
    for start in range(0, warm.length, CHUNK_TOKENS):
        model(mx.array([tokens[start : min(start + CHUNK_TOKENS, warm.length)]]), cache=cold)
        mx.eval([cache.state for cache in cold])
    rest = mx.array([tokens[warm.length :]])
    raw_cold, raw_warm = model(rest, cache=cold)[0, -1], model(rest, cache=warm.caches)[0, -1]
    likeliest = mx.argsort(-raw_cold)[:LIKELIEST]
    difference = mx.max(mx.abs(_log_probabilities(raw_cold)[likeliest] - _log_probabilities(raw_warm)[likeliest]))
    return CacheCheck(tuple(sorted(layout.kinds)), warm.length, float(difference), _tolerance(layout, raw_cold))


def _log_probabilities(logits: Any) -> Any:
    exact = logits.astype(mx.float32)
    return exact - mx.logsumexp(exact)


def _like(layout: Layout, fresh: list[Any]) -> list[Any]:
    """Quantised from the first token on where the remembered ones are."""
    if "QuantizedKVCache" not in layout.kinds:
        return fresh
    return [
        QuantizedKVCache(*leaf.settings) if leaf.kind == "QuantizedKVCache" else cache
        for leaf, cache in zip(layout.leaves, leaves_of(fresh), strict=True)
    ]


def _tolerance(layout: Layout, logits: Any) -> float:
    if "QuantizedKVCache" in layout.kinds:
        return TOLERANCE_QUANTISED
    return TOLERANCE_FLOAT32 if logits.dtype == mx.float32 else TOLERANCE_HALF
