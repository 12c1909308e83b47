"""A live session over fake workers, and everything it tells."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from application.serving.live_counts import LiveCounts
from application.serving.realtime_session import OpenRealtimeSession, RealtimeSession
from domain.errors import MlxkError
from domain.inference.live_session import LiveEvent, LiveSettings, TurnFailed, TurnHeard
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from ports.model_worker import ModelWorker, PatientEvents
from tests.support.fakes.voice_detectors import LoudnessDetectors
from tests.support.fakes.worker import FakeWorker

SECONDS = 10.0

T = TypeVar("T")


class WorkerEar:
    """Ear over one worker. refuse: what preparing raises, by model."""

    def __init__(self, worker: ModelWorker) -> None:
        self.worker = worker
        self.prepared: list[str] = []
        self.refuse: dict[str, MlxkError] = {}
        self.given_up: Callable[[], bool] | None = None
        self.asked_again = threading.Event()

    def prepare(self, model: str, given_up: Callable[[], bool]) -> None:
        self.given_up = given_up
        self.prepared.append(model)
        if model in self.refuse:
            raise self.refuse[model]

    def listen(
        self, model: str, request: TranscriptionRequest, given_up: Callable[[], bool]
    ) -> PatientEvents[HearingEvent]:
        return self.worker.transcribe(request)


@dataclass
class Told:
    """What a session tells, from any of its threads."""

    events: list[LiveEvent] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, event: LiveEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type[T]) -> list[T]:
        with self._changed:
            return [each for each in self.events if isinstance(each, kind)]

    def wait_for(self, kind: type[T], count: int = 1) -> list[T]:
        with self._changed:
            came = self._changed.wait_for(lambda: sum(isinstance(e, kind) for e in self.events) >= count, SECONDS)
            assert came, self.events
        return self.of(kind)

    def answers(self, count: int) -> list[TurnHeard | TurnFailed]:
        """So many turns, answered one way or the other."""
        with self._changed:
            ended = (TurnHeard, TurnFailed)
            came = self._changed.wait_for(lambda: sum(isinstance(e, ended) for e in self.events) >= count, SECONDS)
            assert came, self.events
            return [each for each in self.events if isinstance(each, ended)]


@dataclass
class Live:
    session: RealtimeSession
    told: Told
    worker: FakeWorker
    ear: WorkerEar
    counts: LiveCounts

    @property
    def requests(self) -> list[TranscriptionRequest]:
        return [each for each in self.worker.sound_requests if isinstance(each, TranscriptionRequest)]


@contextmanager
def live(worker: FakeWorker, settings: LiveSettings | None = None) -> Iterator[Live]:
    """A session of the model `ear`, whose turns are called t1, t2 and so on."""
    told, ear, counts = Told(), WorkerEar(worker), LiveCounts()
    names = (f"t{number}" for number in itertools.count(1))
    use_case = OpenRealtimeSession(ear, LoudnessDetectors(), counts)
    with use_case.execute(settings or LiveSettings("ear"), told, lambda: next(names)) as session:
        yield Live(session, told, worker, ear, counts)
