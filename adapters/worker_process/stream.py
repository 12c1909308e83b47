"""What the reader thread hands to those who asked: the events of one request, or one explanation."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from domain.errors import InternalError, MlxkError
from domain.inference import Finished, GenerationEvent
from domain.inference.speech import Spoken
from domain.inference.transcription import Transcription
from domain.serving.prompt_explanation import PromptExplanation
from ports.worker_channel import SoundEvent, WholeEvent

Event = GenerationEvent | WholeEvent | SoundEvent | MlxkError
Last = Finished | Transcription | Spoken
E = TypeVar("E")


class EventStream(Generic[E]):
    """PatientEvents over a queue: the reader never waits for a slow consumer, and the length of the answer bounds what
    piles up. kind: of its events, as isinstance takes it.

    Whatever arrived before an error is delivered before it.
    """

    def __init__(self, on_cancel: Callable[[], None], kind: object) -> None:
        self._on_cancel = on_cancel
        self._kind = cast("type[E]", kind)
        self._items: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._over = False

    def put(self, item: Event) -> None:
        """Reader's side."""
        self._items.put(item)

    def __iter__(self) -> EventStream[E]:
        return self

    def __next__(self) -> E:
        if self._over:
            raise StopIteration
        return self._taken(self._items.get())

    def next_within(self, seconds: float | None) -> E | None:
        if self._over:
            raise StopIteration
        try:
            item = self._items.get(timeout=seconds)
        except queue.Empty:
            return None
        return self._taken(item)

    def _taken(self, item: Event | None) -> E:
        if self._over or item is None:
            raise StopIteration
        if isinstance(item, MlxkError):
            self._over = True
            raise item
        if not isinstance(item, self._kind):
            raise misplaced(item)
        self._over = isinstance(item, Last)
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
            raise misplaced(item)
        return item


def misplaced(event: GenerationEvent | WholeEvent | SoundEvent) -> InternalError:
    return InternalError(f"the worker answered with a {type(event).__name__} that nobody asked for")
