"""A real worker process whose engine never looks up from a sound: it ends, and who else was there is heard still."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import PurePath

import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from application.serving.deadline_stream import DeadlineStream
from application.serving.model_pool import ModelPool
from domain.catalog import LocatedModel, ModelSource
from domain.errors import DeadlineMissed
from domain.inference.sound import SoundBytes
from domain.inference.transcription import HearingEvent, HearingProgress, Transcription, TranscriptionRequest
from domain.serving.load_options import LoadOptions, Task
from domain.serving.model_load import ModelLoad
from ports.model_worker import ModelWorker, PatientEvents
from tests.support import deaf_worker
from tests.support.eventually import eventually

LOAD = ModelLoad(
    LocatedModel("org/ears", PurePath("/models/ears"), ModelSource.WORKSPACE), 1, LoadOptions(task=Task.TRANSCRIBE)
)
LONG = 60.0


class House:
    """A pool over such workers. The clock of deadlines moves when a test says so."""

    def __init__(self) -> None:
        command = (sys.executable, "-P", deaf_worker.__file__)
        self.pool = ModelPool(ProcessWorkerLauncher(os.environ, keep_spare=True, command=command), 2**40)
        self.now = 0.0
        self.workers: list[ModelWorker] = []

    def ask(self, sound: str, *, streamed: bool = True, allowed: float | None = None) -> PatientEvents[HearingEvent]:
        request = TranscriptionRequest(SoundBytes(sound.encode()))

        def ask(worker: ModelWorker) -> PatientEvents[HearingEvent]:
            self.workers.append(worker)
            return DeadlineStream(worker.transcribe(request), worker, lambda: self.now, allowed, 0.5)

        return self.pool.events(LOAD, ask, streamed=streamed)

    def begun(self, events: PatientEvents[HearingEvent]) -> PatientEvents[HearingEvent]:
        assert isinstance(events.next_within(LONG), HearingProgress)
        return events

    def late(self) -> None:
        self.now += 10_000.0


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.pool.close()


def end_of(events: PatientEvents[HearingEvent]) -> HearingEvent:
    *_, last = events
    return last


def test_a_piece_that_never_ends_is_ended_and_the_next_sound_is_heard(house: House) -> None:
    stuck = house.begun(house.ask("hang"))
    house.late()
    with pytest.raises(DeadlineMissed):
        stuck.next_within(LONG)
    (worker,) = house.workers
    eventually(lambda: not worker.alive, "the process is gone")
    heard = end_of(house.ask("good morning"))
    assert isinstance(heard, Transcription)
    assert heard.text == "good morning"
    assert len(house.workers) == 2, "what was late is not asked again"


def test_others_of_that_worker_are_heard_once_more_where_nothing_was_shown(house: House) -> None:
    stuck = house.begun(house.ask("hang"))
    found: list[HearingEvent] = []
    other = house.ask("and me", streamed=False, allowed=1e9)
    reading = threading.Thread(target=lambda: found.append(end_of(other)), daemon=True)
    reading.start()
    eventually(lambda: len(house.workers) == 2, "both are asked")
    house.late()
    with pytest.raises(DeadlineMissed):
        stuck.next_within(LONG)
    reading.join(LONG)
    assert [each.text for each in found if isinstance(each, Transcription)] == ["and me"]


def test_a_sound_that_is_never_decoded_is_given_up_and_its_worker_lives(house: House) -> None:
    """The engine looks up, for the one that decodes is another thread: the watch over workers is for that."""
    stuck = house.ask("prepare")
    assert stuck.next_within(0.01) is None
    house.late()
    with pytest.raises(DeadlineMissed):
        stuck.next_within(LONG)
    assert house.workers[0].alive


def test_pieces_without_an_end_are_left_off_and_the_worker_lives(house: House) -> None:
    slow = house.begun(house.ask("slow"))
    house.late()
    with pytest.raises(DeadlineMissed):
        slow.next_within(LONG)
    assert house.workers[0].alive
    heard = end_of(house.ask("good morning"))
    assert isinstance(heard, Transcription)
    assert house.workers[0] is house.workers[1]
