"""A vector engine and a codec whose passes a test can hold, watch and break. One token a word."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence

from domain.catalog import LocatedModel
from domain.errors import ContextLengthExceeded, GenerationFailed, UnsupportedParameter
from domain.inference.embedding import EmbeddingRequest, RerankRequest, Vector
from domain.serving.load_options import LoadOptions
from domain.serving.vitals import EnginePulse
from ports.model_worker import LoadedModel
from ports.vector_engine import LoadedVectors, TokenRow

CONTEXT = 50
POISON = 666
WIDTH = 2


class ScriptedVectorEngine:
    """VectorEngine. passes: the rows of each, as they came; those with the token POISON break theirs. gate: a pass
    waits for it. rows_at_once: what goes into one.
    """

    def __init__(self, rows_at_once: int = 4) -> None:
        self.passes: list[tuple[TokenRow, ...]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        self.rows_at_once = rows_at_once
        self.closed = False

    def embed(self, rows: Sequence[TokenRow], dimensions: Sequence[int | None]) -> tuple[Vector, ...]:
        self._pass(rows)
        return tuple(vector_of(row.tokens, wanted) for row, wanted in zip(rows, dimensions, strict=True))

    def score(self, rows: Sequence[TokenRow]) -> tuple[float, ...]:
        self._pass(rows)
        return tuple(row.tokens[-1] / 1000 for row in rows)

    def batch_rows(self, length: int) -> int:
        return self.rows_at_once if length else 1

    def pulse(self, *, running: int, reading: int) -> EnginePulse:
        return EnginePulse(running=running, reading=reading)

    def close(self) -> None:
        self.closed = True

    def _pass(self, rows: Sequence[TokenRow]) -> None:
        self.passes.append(tuple(rows))
        self.begun.release()
        self.gate.wait()
        if any(POISON in row.tokens for row in rows):
            raise GenerationFailed("poisoned")


class ScriptedVectorCodec:
    """VectorCodec of numbers in words. slices: how many inputs each call had."""

    def __init__(self) -> None:
        self.slices: list[int] = []
        self.broken = False

    def check(self, request: EmbeddingRequest) -> None:
        if request.dimensions not in (None, 1, WIDTH):
            raise UnsupportedParameter("dimensions must be 1 or 2", param="dimensions")

    def rows(self, request: EmbeddingRequest, start: int, stop: int) -> tuple[TokenRow, ...]:
        if self.broken:
            raise RuntimeError("a tokenizer broke")
        self.slices.append(stop - start)
        return tuple(_row(each, at) for at, each in enumerate(request.inputs[start:stop], start))

    def check_pairs(self, request: RerankRequest) -> None:
        if request.instruct is not None:
            raise UnsupportedParameter("no tasks", param="instruct")

    def pairs(self, request: RerankRequest, start: int, stop: int) -> tuple[TokenRow, ...]:
        self.slices.append(stop - start)
        documents = request.documents[start:stop]
        return tuple(_row(f"{request.query} {each}", at) for at, each in enumerate(documents, start))


class ScriptedVectorRuntime:
    """VectorRuntime."""

    def __init__(self) -> None:
        self.engine = ScriptedVectorEngine()
        self.codec = ScriptedVectorCodec()
        self.options: list[LoadOptions] = []

    def load(self, model: LocatedModel, options: LoadOptions) -> LoadedVectors:
        self.options.append(options)
        return LoadedVectors(self.engine, self.codec, LoadedModel(model.name, CONTEXT, os.getpid(), 1))


def vector_of(tokens: Sequence[int], dimensions: int | None = None) -> Vector:
    """The first token and the number of them."""
    numbers = (float(tokens[0]), float(len(tokens)))[: dimensions or WIDTH]
    return Vector(struct.pack(f"<{len(numbers)}f", *numbers))


def _row(each: str | tuple[int, ...], at: int) -> TokenRow:
    tokens = tuple(map(int, each.split())) if isinstance(each, str) else each
    if len(tokens) > CONTEXT:
        raise ContextLengthExceeded(f"input.{at} has {len(tokens)} tokens, over {CONTEXT}", param="input")
    return TokenRow(tokens)
