"""What a model can do in a batch, found out by trying."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from adapters.inference.engine.caches import finalized, merged, unbatchable
from adapters.inference.engine.seats import row_bytes
from domain.serving.kv_room import RowBytes

LONG, SHORT, AFTER = 12, 5, 3
EXACT, ROUNDED = 1e-3, 0.1  # mean difference of logits over their spread: float32, and what is coarser
TIMED_TOKENS = 64
CHUNKS = (2048, 512, 128, 32)


@dataclass(frozen=True, slots=True)
class Findings:
    """alone: why rows must decode alone, None if they need not. together: prompts of one length may be read in one
    pass. chunk_tokens: about as many as are read in the given time. work_bytes: what reading so many takes for
    the while, besides the caches. row: what a row's caches take.
    """

    vocabulary: int
    alone: str | None
    together: bool
    chunk_tokens: int
    work_bytes: int
    row: RowBytes


def probed(network: Any, make_caches: Callable[[], list[Any]], seconds: float) -> Findings:
    """Read and decode a few tokens in a batch, and each row by itself, and compare the logits."""
    first = network(mx.array([[1]]), cache=make_caches())
    vocabulary = int(first.shape[-1])
    prompts = [[(7 * at + 3 * row + 1) % vocabulary for at in range(LONG)] for row in range(2)]
    timed = _timed(network, make_caches, vocabulary)
    chunk_tokens = next((chunk for chunk in CHUNKS if chunk <= timed.rate * seconds), CHUNKS[-1])
    work_bytes = timed.work_bytes * chunk_tokens // TIMED_TOKENS
    lacking = unbatchable(make_caches())
    if lacking is not None:
        why = f"mlx-lm has no batched {lacking}"
        return Findings(
            vocabulary, why, together=False, chunk_tokens=chunk_tokens, work_bytes=work_bytes, row=timed.row
        )
    alone = _decode_fault(network, make_caches, [prompts[0], prompts[1][:SHORT]])
    together = alone is None and _reads_together(network, make_caches, prompts)
    return Findings(vocabulary, alone, together, chunk_tokens, work_bytes, timed.row)


def _decode_fault(network: Any, make_caches: Callable[[], list[Any]], prompts: list[list[int]]) -> str | None:
    """Rows of different lengths, decoded together. None when they say what they say alone."""
    wanted, rows = [], []
    for prompt in prompts:
        for whole in (True, False):
            caches = make_caches()
            network(mx.array([prompt]), cache=caches)
            if whole:
                wanted.append(_decoded(network, caches, [prompt[:AFTER]]))
            else:
                rows.append(caches)
    try:
        found = _decoded(network, merged(rows), [prompt[:AFTER] for prompt in prompts])
        same = _alike(found, mx.concatenate(wanted))
    except Exception as fault:  # noqa: BLE001 - what is asked here is whether it works
        return f"this model cannot be decoded in a batch: {type(fault).__name__}"
    return None if same else "this model says something else when it is decoded in a batch"


def _decoded(network: Any, caches: list[Any], rows: list[list[int]]) -> mx.array:
    """[rows, steps, vocabulary]: each token fed by itself."""
    steps = [network(mx.array(tokens)[:, None], cache=caches)[:, -1:] for tokens in zip(*rows, strict=True)]
    return mx.concatenate(steps, axis=1)


def _reads_together(network: Any, make_caches: Callable[[], list[Any]], prompts: list[list[int]]) -> bool:
    """Prompts of one length, read in one pass and decoded on."""
    wanted = []
    for prompt in prompts:
        caches = make_caches()
        read = network(mx.array([prompt]), cache=caches)[:, -1:]
        wanted.append(mx.concatenate([read, _decoded(network, caches, [prompt[:AFTER]])], axis=1))
    try:
        caches = merged([make_caches() for _ in prompts])
        read = network(mx.array(prompts), cache=caches)[:, -1:]
        found = _decoded(network, finalized(caches), [prompt[:AFTER] for prompt in prompts])
        return _alike(mx.concatenate([read, found], axis=1), mx.concatenate(wanted))
    except Exception:  # noqa: BLE001 - what is asked here is whether it works
        return False


def _alike(found: mx.array, wanted: mx.array) -> bool:
    limit = EXACT if wanted.dtype == mx.float32 else ROUNDED
    found, wanted = found.astype(mx.float32), wanted.astype(mx.float32)
    spread = wanted.std(axis=-1)
    difference = mx.abs(found - wanted).mean(axis=-1)
    return bool((difference <= limit * mx.maximum(spread, 1e-6)).all())


@dataclass(frozen=True, slots=True)
class _Timed:
    """rate: tokens a second. work_bytes: for TIMED_TOKENS."""

    rate: float
    work_bytes: int
    row: RowBytes


def _timed(network: Any, make_caches: Callable[[], list[Any]], vocabulary: int) -> _Timed:
    """The second of two passes, when everything is in place."""
    tokens = mx.array([[at % vocabulary for at in range(TIMED_TOKENS)]])
    mx.eval(network(tokens, cache=make_caches()))
    caches = make_caches()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    begin = time.perf_counter()
    mx.eval(network(tokens, cache=caches))
    rate = TIMED_TOKENS / max(time.perf_counter() - begin, 1e-6)
    return _Timed(rate, max(mx.get_peak_memory() - before, 0), row_bytes(caches))
