"""What the reader thread hands to those who asked: the events of one request, or one explanation."""

from __future__ import annotations

import queue
from collections.abc import Callable

from domain.errors import InternalError, MlxkError
from domain.inference import Finished, GenerationEvent
from domain.serving.prompt_explanation import PromptExplanation

Event = GenerationEvent | PromptExplanation | MlxkError


class EventStream:
    """PatientStream over a queue: the reader never waits for a slow consumer, and max_tokens bounds what piles up.

    Whatever arrived before an error is delivered before it.
    """

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        self._on_cancel = on_cancel
        self._items: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._over = False

    def put(self, item: Event) -> None:
        """Reader's side."""
        self._items.put(item)

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> GenerationEvent:
        if self._over:
            raise StopIteration
        return self._taken(self._items.get())

    def next_within(self, seconds: float | None) -> GenerationEvent | None:
        if self._over:
            raise StopIteration
        try:
            item = self._items.get(timeout=seconds)
        except queue.Empty:
            return None
        return self._taken(item)

    def _taken(self, item: Event | None) -> GenerationEvent:
        if self._over or item is None:
            raise StopIteration
        if isinstance(item, MlxkError):
            self._over = True
            raise item
        if isinstance(item, PromptExplanation):
            raise _misplaced(item)
        self._over = isinstance(item, Finished)
        return item

    def cancel(self) -> None:
        if not self._over:
            self._over = True
            self._items.put(None)
            self._on_cancel()


class PendingExplanation:
    """One explanation, once it is there."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def put(self, item: Event) -> None:
        """Reader's side."""
        self._items.put(item)

    def wait(self) -> PromptExplanation:
        """Blocks. Raises the error that came instead."""
        item = self._items.get()
        if isinstance(item, MlxkError):
            raise item
        if not isinstance(item, PromptExplanation):
            raise _misplaced(item)
        return item


def _misplaced(event: GenerationEvent | PromptExplanation) -> InternalError:
    return InternalError(f"the worker answered with a {type(event).__name__} that nobody asked for")
