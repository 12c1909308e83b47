"""Several answers at once, and what happens to any of them as one stream."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from application.inference.answering import PatientAnswer
from domain.catalog import LocatedModel
from domain.errors import MlxkError
from domain.inference import GenerationEvent, GenerationRequest
from ports.model_worker import PatientStream

Event_co = TypeVar("Event_co", covariant=True)
ChoiceEvent = tuple[int, GenerationEvent]
Ask = Callable[[GenerationRequest], PatientAnswer]

CONVERSATION = "messages"


class Expected(Protocol[Event_co]):
    """Events that are waited for. One consumer."""

    def next_within(self, seconds: float | None) -> Event_co | None:
        """None when nothing came for so long; None waits as long as it takes. Raises StopIteration at their end, and
        when they were cancelled.
        """

    def cancel(self) -> None:
        """From any thread; idempotent, never raises."""


class ChoiceStream(Expected[ChoiceEvent], Protocol):
    """Events of all choices, each with its choice's index; those of one choice in order. `next_within` also raises what
    GenerationStream does for any of them: the others are then cancelled. `cancel` is for all of them.
    """


@dataclass(frozen=True, slots=True)
class SeveralAnswers:
    """model, warning: as in ChatAnswer. events: read them to the end, or cancel."""

    model: LocatedModel
    events: ChoiceStream
    warning: str | None = None


def ask_for_all(ask: Ask, requests: Sequence[GenerationRequest], called: str = CONVERSATION) -> SeveralAnswers:
    """An answer to each request, in order, all by one model; blocks and raises as `ask` does. called: the field that
    the prompt came in, for errors that name it.
    """
    answers: list[PatientAnswer] = []
    try:
        for request in requests:
            answers.append(ask(request))  # noqa: PERF401 - those that were made must be known when one fails
        streams = [answer.events for answer in answers]
        events = OneChoice(streams[0], called) if len(streams) == 1 else ManyChoices(streams, called)
    except BaseException as fault:
        for answer in answers:
            answer.events.cancel()
        if isinstance(fault, MlxkError):
            _rename(fault, called)
        raise
    return SeveralAnswers(answers[0].model, events, answers[0].warning)


def patiently(events: Expected[Event_co], seconds: float) -> Iterator[Event_co | None]:
    """To the end; None whenever nothing came for so long."""
    while True:
        try:
            event = events.next_within(seconds)
        except StopIteration:
            return
        yield event


def to_the_end(events: ChoiceStream) -> Iterator[ChoiceEvent]:
    while True:
        try:
            event = events.next_within(None)
        except StopIteration:
            return
        if event is not None:
            yield event


class OneChoice:
    """ChoiceStream of a single answer, without a thread."""

    def __init__(self, stream: PatientStream, called: str = CONVERSATION) -> None:
        self._stream = stream
        self._called = called

    def next_within(self, seconds: float | None) -> ChoiceEvent | None:
        try:
            event = self._stream.next_within(seconds)
        except MlxkError as fault:
            _rename(fault, self._called)
            raise
        return None if event is None else (0, event)

    def cancel(self) -> None:
        self._stream.cancel()


class ManyChoices:
    """ChoiceStream of several answers: one thread for each reads its events into one queue. The threads end with their
    answers, so no later than soon after `cancel`.
    """

    def __init__(self, streams: Sequence[PatientStream], called: str = CONVERSATION) -> None:
        self._streams = streams
        self._called = called
        self._items: queue.SimpleQueue[tuple[int, GenerationEvent | BaseException | None]] = queue.SimpleQueue()
        self._open = len(streams)
        for index in range(len(streams)):
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(self._pump, index), name=f"choice-{index}", daemon=True).start()

    def next_within(self, seconds: float | None) -> ChoiceEvent | None:
        while self._open:
            try:
                index, item = self._items.get(timeout=seconds)
            except queue.Empty:
                return None
            if isinstance(item, BaseException):
                self._open = 0
                self.cancel()
                if isinstance(item, MlxkError):
                    _rename(item, self._called)
                raise item
            if item is not None:
                return index, item
            self._open -= 1
        raise StopIteration

    def cancel(self) -> None:
        for stream in self._streams:
            stream.cancel()

    def _pump(self, index: int) -> None:
        try:
            for event in self._streams[index]:
                self._items.put((index, event))
            self._items.put((index, None))
        except BaseException as fault:  # noqa: BLE001 - raised by whoever reads the queue
            self._items.put((index, fault))


def _rename(fault: MlxkError, called: str) -> None:
    if fault.param == CONVERSATION:
        fault.param = called
