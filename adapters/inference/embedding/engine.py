"""One pass over rows of tokens, to vectors or scores."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
import numpy.typing as npt

from adapters.inference.embedding.dense import Dense
from adapters.inference.embedding.judge import JudgeNetwork
from adapters.inference.embedding.network import TextNetwork
from adapters.inference.embedding.pooling import pooled, unit_length
from adapters.inference.engine.memory import untried_seconds
from domain.errors import GenerationFailed, InsufficientMemory
from domain.inference.embedding import Vector
from domain.inference.vector_habits import Pooling
from domain.serving.vitals import EnginePulse
from ports.vector_engine import TokenRow

Numbers = npt.NDArray[np.float32]
MAX_ROWS = 128
LEAST_TOKENS, MOST_TOKENS = 512, 8192  # of one pass, padding included
PASS_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Shape:
    """How vectors come about. usual: what they are shortened to unasked; None for not at all."""

    poolings: tuple[Pooling, ...]
    normalises: bool = True
    dense: tuple[Dense, ...] = ()
    usual: int | None = None


@dataclass(slots=True)
class Pace:
    """How many tokens a pass may have so that it takes about PASS_SECONDS: others wait for it. clock: monotonic
    seconds.
    """

    clock: Callable[[], float] = time.perf_counter
    tokens: int = LEAST_TOKENS
    longest: float = 0.0

    def took(self, tokens: int, seconds: float) -> None:
        """A pass is over. Short ones tell too little."""
        self.longest = max(seconds, self.longest)
        if tokens * 2 < self.tokens or seconds <= 0:
            return
        fitting = int(tokens / seconds * PASS_SECONDS)
        self.tokens = max(LEAST_TOKENS, min(MOST_TOKENS, fitting, self.tokens * 2))


class _Engine:
    """What both engines do. Every call from the thread that made it."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._untried_seconds = untried_seconds()

    def batch_rows(self, length: int) -> int:
        return max(1, min(MAX_ROWS, self._pace.tokens // max(1, length)))

    def pulse(self, *, running: int, reading: int) -> EnginePulse:
        return EnginePulse(
            running=running,
            reading=reading,
            step_seconds=self._pace.longest or self._untried_seconds,
            active_bytes=mx.get_active_memory(),
            cache_bytes=mx.get_cache_memory(),
            peak_bytes=mx.get_peak_memory(),
        )

    def _timed(self, rows: Sequence[TokenRow], compute: Callable[[], mx.array]) -> Numbers:
        began = self._pace.clock()
        try:
            numbers = np.array(compute(), dtype=np.float32)
        except MemoryError as fault:
            raise InsufficientMemory(
                f"there is no memory for a pass over {len(rows)} texts", hint="ask with shorter texts"
            ) from fault
        except GenerationFailed:
            raise
        except Exception as fault:
            words = " ".join(str(fault).split()) or type(fault).__name__
            raise GenerationFailed(f"the model failed on {len(rows)} texts: {words[:300]}") from fault
        self._pace.took(len(rows) * max(map(len, rows)), self._pace.clock() - began)
        if not np.isfinite(numbers).all():
            raise GenerationFailed("the model made something that is no number", hint="its weights may be broken")
        return numbers


class EmbeddingEngine(_Engine):
    """VectorEngine over a TextNetwork."""

    def __init__(self, network: TextNetwork, shape: Shape, pace: Pace | None = None) -> None:
        super().__init__(pace)
        self._network: TextNetwork | None = network
        self._shape = shape

    def embed(self, rows: Sequence[TokenRow], dimensions: Sequence[int | None]) -> tuple[Vector, ...]:
        numbers = self._timed(rows, lambda: self._vectors(rows))
        return tuple(self._shortened(row, wanted) for row, wanted in zip(numbers, dimensions, strict=True))

    def score(self, rows: Sequence[TokenRow]) -> tuple[float, ...]:
        raise GenerationFailed(f"an embedder scores nothing ({len(rows)} rows)")

    def close(self) -> None:
        self._network = None
        mx.clear_cache()

    def _vectors(self, rows: Sequence[TokenRow]) -> mx.array:
        network, shape = self._network, self._shape
        if network is None:
            raise _closed()
        tokens, mask = padded(rows, network.filler)
        lengths = mx.array([len(row) for row in rows])
        starts = mx.array([row.unpooled for row in rows])
        vectors = pooled(network.hidden(tokens, mask), lengths, starts, shape.poolings)
        vectors = network.dense(vectors)
        for layer in shape.dense:
            vectors = layer(vectors)
        vectors = vectors.astype(mx.float32)
        return unit_length(vectors) if shape.normalises else vectors

    def _shortened(self, numbers: Numbers, wanted: int | None) -> Vector:
        count = wanted or self._shape.usual or numbers.shape[0]
        if count < numbers.shape[0]:
            numbers = numbers[:count]
            if self._shape.normalises:
                numbers = numbers / max(float(np.linalg.norm(numbers)), 1e-12)
        return Vector(numbers.astype("<f4").tobytes())


class RerankEngine(_Engine):
    """VectorEngine over a classifier or a judge."""

    def __init__(self, network: TextNetwork | JudgeNetwork, pace: Pace | None = None) -> None:
        super().__init__(pace)
        self._network: TextNetwork | JudgeNetwork | None = network

    def embed(self, rows: Sequence[TokenRow], dimensions: Sequence[int | None]) -> tuple[Vector, ...]:
        raise GenerationFailed(f"a reranker makes no vectors ({len(rows)} rows, {len(dimensions)} lengths)")

    def score(self, rows: Sequence[TokenRow]) -> tuple[float, ...]:
        return tuple(_sigmoid(float(each)) for each in self._timed(rows, lambda: self._logits(rows)))

    def close(self) -> None:
        self._network = None
        mx.clear_cache()

    def _logits(self, rows: Sequence[TokenRow]) -> mx.array:
        network = self._network
        if network is None:
            raise _closed()
        if isinstance(network, JudgeNetwork):
            return network.logits(padded(rows)[0], mx.array([len(row) for row in rows]))
        tokens, mask = padded(rows, network.filler)
        return network.logits(tokens, mask, _kinds(rows, tokens.shape[1]))


def padded(rows: Sequence[TokenRow], filler: int = 0) -> tuple[mx.array, mx.array]:
    """Tokens and where there are any, [rows, longest] each; the filler stands behind."""
    longest = max(map(len, rows))
    tokens = np.full((len(rows), longest), filler, np.int32)
    mask = np.zeros((len(rows), longest), np.float32)
    for at, row in enumerate(rows):
        tokens[at, : len(row)] = row.tokens
        mask[at, : len(row)] = 1
    return mx.array(tokens), mx.array(mask)


def _kinds(rows: Sequence[TokenRow], longest: int) -> mx.array:
    kinds = np.zeros((len(rows), longest), np.int32)
    for at, row in enumerate(rows):
        kinds[at, len(row) - row.second : len(row)] = 1
    return mx.array(kinds)


def _closed() -> GenerationFailed:
    return GenerationFailed("the model has been closed")


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
