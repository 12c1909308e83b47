"""Vectors and scores that are made of words alone, for fake workers. One token a word."""

from __future__ import annotations

import math
import re
import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from domain.errors import ContextLengthExceeded, MlxkError, UnsupportedParameter
from domain.inference.embedding import EmbeddingRequest, Embeddings, RerankRequest, RerankScores, Vector

T_co = TypeVar("T_co", covariant=True)
FAKE_DIMENSIONS = 16
ALLOWED_DIMENSIONS = (4, 8, 16)


@dataclass
class VectorScript:
    """held: no answer comes until this is False again (then call `FakeWorkerLauncher.changed()`). deaths: so many
    questions kill their worker. refuse: the error that every question raises.
    """

    held: bool = False
    deaths: int = 0
    refuse: list[MlxkError] = field(default_factory=list)


class Mortal(Protocol):
    @property
    def alive(self) -> bool: ...

    def kill(self) -> None: ...

    def raise_if_dead(self) -> None: ...


class FakePending(Generic[T_co]):
    """PendingAnswer."""

    def __init__(
        self, script: VectorScript, make: Callable[[], T_co], news: threading.Condition, worker: Mortal
    ) -> None:
        self.over = False
        self.cancelled = False
        self._script = script
        self._make = make
        self._news = news
        self._worker = worker

    def within(self, seconds: float | None) -> T_co | None:
        if self._script.deaths:
            self._script.deaths -= 1
            self._worker.kill()
        with self._news:
            come = self._news.wait_for(lambda: not self._script.held or not self._worker.alive, seconds)
        if not come:
            return None
        self.over = True
        self._worker.raise_if_dead()
        if self._script.refuse:
            raise self._script.refuse[0]
        return self._make()

    def cancel(self) -> None:
        self.over = self.cancelled = True


def fake_embeddings(request: EmbeddingRequest, context_length: int) -> Embeddings:
    """Words that two texts share bring their vectors together. Questions are read with a word before them."""
    dimensions = request.dimensions or FAKE_DIMENSIONS
    if dimensions not in ALLOWED_DIMENSIONS:
        raise UnsupportedParameter(
            f"dimensions must be one of {', '.join(map(str, ALLOWED_DIMENSIONS))}, got {dimensions}",
            param="dimensions",
        )
    rows = [[*(["question:"] if request.asks else []), *_words(each)] for each in request.inputs]
    _refuse_long(rows, context_length, "input")
    return Embeddings(tuple(Vector(_packed(row, dimensions)) for row in rows), sum(map(len, rows)))


def fake_scores(request: RerankRequest, context_length: int) -> RerankScores:
    """The share of the question's words that a document has."""
    wanted = {word.lower() for word in _words(request.query)}
    documents = [_words(each) for each in request.documents]
    _refuse_long(documents, context_length, "documents")
    scores = tuple(len(wanted & {word.lower() for word in each}) / len(wanted) for each in documents)
    return RerankScores(scores, sum(len(wanted) + len(each) for each in documents))


def _words(text: str | tuple[int, ...]) -> list[str]:
    return re.findall(r"\S+", text) if isinstance(text, str) else [str(token) for token in text]


def _packed(words: Sequence[str], dimensions: int) -> bytes:
    numbers = [1e-3] * FAKE_DIMENSIONS
    for word in words:
        numbers[zlib.crc32(word.lower().encode()) % FAKE_DIMENSIONS] += 1.0
    numbers = numbers[:dimensions]
    length = math.sqrt(sum(number * number for number in numbers))
    return struct.pack(f"<{dimensions}f", *(number / length for number in numbers))


def _refuse_long(rows: Sequence[Sequence[str]], context_length: int, param: str) -> None:
    for at, row in enumerate(rows):
        if len(row) > context_length:
            raise ContextLengthExceeded(
                f"{param}.{at} has {len(row)} tokens, over the {context_length} that the model reads", param=param
            )
