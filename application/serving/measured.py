"""Answers whose times are taken on their way out, whoever asked for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic

from application.serving.meter import SHORT_SECONDS, Meter
from application.serving.model_pool import ModelPool
from application.serving.replay import UNSEEN, E
from application.serving.whole_answer import Asking, T
from domain.errors import Interrupted, MlxkError
from domain.inference import Finished, GenerationReport
from domain.inference.speech import SpeechPiece, Spoken
from domain.inference.transcription import HeardSegment, Transcription
from domain.serving.metrics import Histogram
from domain.serving.model_load import ModelLoad
from ports.model_worker import LoadedModel, ModelWorker, PatientEvents

CANCELLED = "cancelled"
WHOLE = "stop"  # of an answer that is there all at once, or that nothing else can end
UNTIMED = (HeardSegment, SpeechPiece, Transcription, Spoken)  # no tokens: the times between them say nothing
FLUSH_SECONDS = 2.0


class MeasuredStream(Generic[E]):
    """PatientEvents: others. One clock reading and one addition an event; what piles up is told at the end and
    every FLUSH_SECONDS. began: when the request came; the time from here to the first reading does not count, for that
    waits for answers before it (a group of pictures after another). streamed: events come as they are made; the times
    between those of a whole answer say nothing.
    """

    def __init__(self, events: PatientEvents[E], meter: Meter, model: str, began: float, *, streamed: bool) -> None:
        self._events = events
        self._meter = meter
        self._clock = meter.clock
        self._model = model
        self._began = began
        self._streamed = streamed
        self._spent: float | None = self._clock() - began
        self._last: float | None = None
        self._first: float | None = None
        self._gaps = Histogram(SHORT_SECONDS)
        self._flush_at = began + FLUSH_SECONDS
        self._guard = threading.Lock()  # a hang-up ends it from another thread
        self._over = False

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        while (event := self.next_within(None)) is None:
            pass
        return event

    def next_within(self, seconds: float | None) -> E | None:
        if self._spent is not None:
            self._began, self._spent = self._clock() - self._spent, None
        try:
            event = self._events.next_within(seconds)
        except StopIteration:
            self._end(CANCELLED)
            raise
        except MlxkError as fault:
            self._end(fault.code)
            raise
        except BaseException:
            self._end("internal_error")
            raise
        if event is None:
            return None
        if self._streamed and not isinstance(event, UNTIMED):
            self._time(event)
        if isinstance(event, Finished):
            self._end(event.reason.value, event.report)
        elif isinstance(event, Transcription | Spoken):
            self._end(WHOLE)
        return event

    def cancel(self) -> None:
        self._events.cancel()
        self._end(CANCELLED)

    def _time(self, event: E) -> None:
        now = self._clock()
        if self._last is not None:
            if not isinstance(event, Finished):
                self._gaps.add(now - self._last)
                self._last = now
        elif not isinstance(event, UNSEEN):
            self._first, self._last = now - self._began, now
        if now >= self._flush_at:
            self._flush(now)

    def _flush(self, now: float) -> None:
        first, self._first = self._first, None
        gaps, self._gaps = self._gaps, Histogram(SHORT_SECONDS)
        self._flush_at = now + FLUSH_SECONDS
        self._meter.answer_streams(self._model, first, gaps)

    def _end(self, how: str, report: GenerationReport | None = None) -> None:
        """The first one counts: a stream that has ended is cancelled all the same, by whoever tidies up."""
        with self._guard:
            if self._over:
                return
            self._over = True
        now = self._clock()
        if self._last is not None:
            self._flush(now)
        self._meter.answer_ended(self._model, how, now - self._began, report)


class MeasuredPool(ModelPool):
    """ModelPool; every answer is timed from the moment it is asked for, once there is a meter."""

    _meter: Meter | None = None

    def take_times(self, meter: Meter) -> None:
        """From now on."""
        self._meter = meter

    def events(
        self, load: ModelLoad, ask: Callable[[ModelWorker], PatientEvents[E]], *, streamed: bool, **options: Any
    ) -> PatientEvents[E]:
        """options: as ModelPool's."""
        meter = self._meter
        if meter is None:
            return super().events(load, ask, streamed=streamed, **options)
        began, model = meter.clock(), load.model.name
        meter.answer_began(model)
        with _failures(meter, model, began):
            events = super().events(load, ask, streamed=streamed, **options)
        return MeasuredStream(events, meter, model, began, streamed=streamed)

    def ask(self, load: ModelLoad, question: Asking[T], **options: Any) -> tuple[T, LoadedModel]:
        """options: as ModelPool's."""
        meter = self._meter
        if meter is None:
            return super().ask(load, question, **options)
        began, model = meter.clock(), load.model.name
        meter.answer_began(model)
        with _failures(meter, model, began):
            found = super().ask(load, question, **options)
        meter.answer_ended(model, WHOLE, meter.clock() - began, None)
        return found


@contextmanager
def _failures(meter: Meter, model: str, began: float) -> Iterator[None]:
    """Tell of an answer that ended before it was there."""
    how = "internal_error"
    try:
        yield
        how = ""
    except Interrupted:
        how = CANCELLED
        raise
    except MlxkError as fault:
        how = fault.code
        raise
    finally:
        if how:
            meter.answer_ended(model, how, meter.clock() - began, None)
