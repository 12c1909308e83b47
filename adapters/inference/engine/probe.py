"""What a model can do in a batch, found out by trying."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mlx.core as mx

from adapters.inference.engine.caches import evaluate, finalized, leaves, merged, unbatchable
from adapters.inference.engine.memory import untried_seconds
from adapters.inference.engine.seats import row_bytes

LONG, SHORT, AFTER = 12, 5, 3
EXACT, ROUNDED = 1e-3, 0.1  # mean difference of logits over their spread: float32, and what is coarser
TIMED_TOKENS = 64
CHUNKS = (2048, 512, 128, 32)
LAST_PASS_TOKENS = 256  # longer, and the logits of all its places cost more than a pass for the last one alone


class Probe:
    """vocabulary: tokens that the network has logits for. row: what a row's caches take. alone_by_kind: why rows must
    decode alone, told by the kind of their caches; None: that must be tried. work_bytes: what reading a chunk takes for
    the while besides the caches: the logits of the last one, and the rest once that was tried. chunk_seconds: what
    reading one may take: a guess until that was tried. What is to be tried is
    tried when it is first asked for, a few short passes each: a row that has the model to itself needs none of it, and
    gets its first token sooner.
    """

    def __init__(self, network: Any, make_caches: Callable[[], list[Any]], seconds: float) -> None:
        """seconds: how long reading a chunk of a prompt may take."""
        self._network = network
        self._make_caches = make_caches
        self._seconds = seconds
        caches = make_caches()
        logits = network(mx.array([[1]]), cache=caches)
        self.chunk_seconds = untried_seconds()
        self._rate = 0.0
        self.vocabulary = int(logits.shape[-1])
        self.work_bytes = LAST_PASS_TOKENS * self.vocabulary * logits.itemsize
        self.row = row_bytes(caches)
        lacking = unbatchable(caches)
        self.alone_by_kind = None if lacking is None else f"mlx-lm has no batched {lacking}"

    def all(self) -> None:
        """Try all that has not been tried yet."""
        _ = self.together, self._chunk_tokens

    @cached_property
    def alone(self) -> str | None:
        """Why rows must decode alone, None if they need not."""
        if self.alone_by_kind is not None:
            return self.alone_by_kind
        long, short = self._prompts
        fault = _decode_fault(self._network, self._make_caches, [long, short[:SHORT]])
        mx.clear_cache()
        return fault

    @cached_property
    def together(self) -> bool:
        """Prompts of one length may be read in one pass."""
        same = self.alone is None and _reads_together(self._network, self._make_caches, self._prompts)
        mx.clear_cache()
        return same

    def chunk_tokens(self, length: int) -> int:
        """How much of a prompt of this length to read in one pass: about as much as takes the given time."""
        return CHUNKS[-1] if length <= CHUNKS[-1] else self._chunk_tokens

    @cached_property
    def _chunk_tokens(self) -> int:
        try:
            timed = _timed(self._network, self._make_caches, self.vocabulary)
        except Exception:  # noqa: BLE001 - what breaks here breaks a row's own reading too, and is told there
            return CHUNKS[-1]
        tokens = next((chunk for chunk in CHUNKS if chunk <= timed.rate * self._seconds), CHUNKS[-1])
        self.work_bytes += timed.work_bytes * tokens // TIMED_TOKENS
        self._rate = timed.rate
        self.chunk_seconds = tokens / timed.rate
        mx.clear_cache()
        return tokens

    def pass_seconds(self, tokens: int) -> float:
        """What reading so many tokens in one pass may take; a guess until a chunk has been tried."""
        rate = self._rate or CHUNKS[1] / max(untried_seconds(), 1e-6)
        return tokens / rate

    @property
    def _prompts(self) -> list[list[int]]:
        return [[(7 * at + 3 * row + 1) % self.vocabulary for at in range(LONG)] for row in range(2)]


def _decode_fault(network: Any, make_caches: Callable[[], list[Any]], prompts: list[list[int]]) -> str | None:
    """Rows of different lengths, decoded together. None when they say what they say alone."""
    wanted, rows = [], []
    try:
        for prompt in prompts:
            for whole in (True, False):
                caches = make_caches()
                network(mx.array([prompt]), cache=caches)
                if whole:
                    wanted.append(_decoded(network, caches, [prompt[:AFTER]]))
                else:
                    rows.append(caches)
        found = _decoded(network, merged(rows), [prompt[:AFTER] for prompt in prompts])
        same = alike(found, mx.concatenate(wanted))
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
    try:
        for prompt in prompts:
            caches = make_caches()
            read = network(mx.array([prompt]), cache=caches)[:, -1:]
            wanted.append(mx.concatenate([read, _decoded(network, caches, [prompt[:AFTER]])], axis=1))
        caches = merged([make_caches() for _ in prompts])
        read = network(mx.array(prompts), cache=caches)[:, -1:]
        found = _decoded(network, finalized(caches), [prompt[:AFTER] for prompt in prompts])
        return alike(mx.concatenate([read, found], axis=1), mx.concatenate(wanted))
    except Exception:  # noqa: BLE001 - what is asked here is whether it works
        return False


def alike(found: mx.array, wanted: mx.array) -> bool:
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


def _timed(network: Any, make_caches: Callable[[], list[Any]], vocabulary: int) -> _Timed:
    """The second of two passes, when everything is in place."""
    tokens = mx.array([[at % vocabulary for at in range(TIMED_TOKENS)]])
    evaluate(_read(network, tokens, make_caches()))
    caches = make_caches()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    begin = time.perf_counter()
    evaluate(_read(network, tokens, caches))
    rate = TIMED_TOKENS / max(time.perf_counter() - begin, 1e-6)
    work_bytes = mx.get_peak_memory() - before - sum(int(getattr(cache, "nbytes", 0)) for cache in leaves(caches))
    return _Timed(rate, max(work_bytes, 0))


def _read(network: Any, tokens: mx.array, caches: list[Any]) -> list[Any]:
    """Chunks but the last are read for their caches' sake: nobody asks for their logits."""
    network(tokens, cache=caches)
    return caches
