"""Answers that come as a whole, as the reader thread hands them to those who asked."""

from __future__ import annotations

import queue
from collections.abc import Callable

from adapters.worker_process.stream import Event, misplaced
from domain.errors import InternalError, MlxkError
from domain.inference import GenerationEvent
from domain.inference.embedding import Embeddings, RerankScores, Vector
from ports.worker_channel import SoundEvent, VectorsDone, VectorsMade, WholeEvent


class _Pending:
    """on_cancel: tells the worker, if it does not know that the request is over."""

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        self._on_cancel = on_cancel
        self._items: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def put(self, item: Event) -> None:
        """Reader's side."""
        self._items.put(item)

    def cancel(self) -> None:
        self._on_cancel()

    def _item(self, seconds: float | None) -> GenerationEvent | WholeEvent | SoundEvent | None:
        """Raises the error that came instead."""
        try:
            item = self._items.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(item, MlxkError):
            raise item
        return item


class PendingScores(_Pending):
    """PendingAnswer."""

    def within(self, seconds: float | None) -> RerankScores | None:
        item = self._item(seconds)
        if item is None or isinstance(item, RerankScores):
            return item
        raise misplaced(item)


class PendingEmbeddings(_Pending):
    """PendingAnswer, which comes in pieces. The reader puts vectors in before it says that they are all there."""

    def __init__(self, on_cancel: Callable[[], None], count: int) -> None:
        """count: of vectors that are wanted."""
        super().__init__(on_cancel)
        self._found: list[Vector | None] = [None] * count

    def put_vectors(self, made: VectorsMade) -> None:
        """Reader's side. Raises InternalError for vectors that nobody asked for."""
        size, rest = divmod(len(made.data), max(1, len(made.at)))
        if rest or not size or not all(0 <= at < len(self._found) for at in made.at):
            raise InternalError(f"the worker sent {len(made.data)} bytes for {len(made.at)} vectors")
        for row, at in enumerate(made.at):
            self._found[at] = Vector(made.data[row * size : (row + 1) * size])

    def within(self, seconds: float | None) -> Embeddings | None:
        item = self._item(seconds)
        if item is None:
            return None
        if not isinstance(item, VectorsDone):
            raise misplaced(item)
        vectors = tuple(each for each in self._found if each is not None)
        if len(vectors) < len(self._found):
            raise InternalError(f"the worker made {len(vectors)} of {len(self._found)} vectors")
        return Embeddings(vectors, item.prompt_tokens)
