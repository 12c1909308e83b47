"""The events of one request, on their way from the reader thread to the request's consumer."""

from __future__ import annotations

import queue
from collections.abc import Callable

from domain.errors import MlxkError
from domain.inference import Finished, GenerationEvent


class EventStream:
    """GenerationStream over a queue: the reader never waits for a slow consumer, and max_tokens bounds what piles up.

    Whatever arrived before an error is delivered before it.
    """

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        self._on_cancel = on_cancel
        self._items: queue.SimpleQueue[GenerationEvent | MlxkError | None] = queue.SimpleQueue()
        self._over = False

    def put(self, item: GenerationEvent | MlxkError) -> None:
        """Reader's side."""
        self._items.put(item)

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> GenerationEvent:
        if self._over:
            raise StopIteration
        item = self._items.get()
        if self._over or item is None:
            raise StopIteration
        if isinstance(item, MlxkError):
            self._over = True
            raise item
        self._over = isinstance(item, Finished)
        return item

    def cancel(self) -> None:
        if not self._over:
            self._over = True
            self._items.put(None)
            self._on_cancel()
