"""A transcription ends by its deadline, and an engine that does not look up ends with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from application.serving.deadline_stream import REASON, DeadlineStream
from domain.errors import DeadlineMissed
from domain.inference.hearing_deadline import LEAST_SECONDS, PREPARATION_SECONDS, hearing_limit
from domain.inference.sound import SoundBytes
from domain.inference.transcription import HearingEvent, HearingProgress, Transcription, TranscriptionRequest
from tests.support.fakes.worker import FakeWorker, FakeWorkerLauncher, Script
from tests.support.pool_kit import model

END = Transcription("hello", "en", 30.0)


class Clocked:
    """PatientEvents: (seconds that pass, event); what is waited for no longer than that passes too."""

    def __init__(self, *steps: tuple[float, HearingEvent]) -> None:
        self.now = 0.0
        self.cancelled = False
        self._steps = list(steps)

    def __iter__(self) -> Iterator[HearingEvent]:
        return self

    def __next__(self) -> HearingEvent:
        raise AssertionError("it is never waited for without an end")

    def next_within(self, seconds: float | None) -> HearingEvent | None:
        assert seconds is not None
        needed, event = self._steps[0] if self._steps else (1e9, END)
        if needed > seconds:
            self.now += seconds
            if self._steps:
                self._steps[0] = needed - seconds, event
            return None
        self._steps.pop(0)
        self.now += needed
        return event

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorkerLauncher(Script()).launch(model("ears"))


def stream_of(events: Clocked, worker: FakeWorker, allowed: float | None = None, grace: float = 0.05) -> DeadlineStream:
    return DeadlineStream(events, worker, lambda: events.now, allowed, grace)


def test_what_is_in_time_passes_untouched(worker: FakeWorker) -> None:
    progress = HearingProgress(0.0, 30.0)
    assert list(zip(range(2), stream_of(Clocked((1.0, progress), (2.0, END)), worker), strict=False)) == [
        (0, progress), (1, END),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "allowed", "at"),
    [
        ((), None, PREPARATION_SECONDS),
        (((5.0, HearingProgress(0.0, 3.0)),), None, 5.0 + LEAST_SECONDS),
        (((5.0, HearingProgress(0.0, 3600.0)),), None, 5.0 + 36_000.0),
        (((5.0, HearingProgress(0.0, 3.0)), (50.0, HearingProgress(1.0, 3.0))), None, 5.0 + LEAST_SECONDS),
        (((5.0, HearingProgress(0.0, 3600.0)),), 60.0, 60.0),
        ((), 60.0, 60.0),
    ],
)
def test_the_clock_runs_for_the_preparation_then_for_the_sound_and_a_limit_of_ones_own_for_all(
    worker: FakeWorker, steps: Sequence[tuple[float, HearingEvent]], allowed: float | None, at: float
) -> None:
    events = Clocked(*steps)
    with pytest.raises(DeadlineMissed):
        list(stream_of(events, worker, allowed))
    assert events.now == pytest.approx(at)
    assert events.cancelled


def test_a_long_sound_may_take_longer() -> None:
    assert [hearing_limit(seconds) for seconds in (0.0, 12.0, 60.0)] == [120.0, 120.0, 600.0]


def test_an_engine_that_looks_up_lives_on(worker: FakeWorker) -> None:
    with pytest.raises(DeadlineMissed):
        list(stream_of(Clocked(), worker))
    assert worker.alive


def test_one_that_does_not_is_ended_with_its_process(worker: FakeWorker) -> None:
    worker.script.mute = True
    with pytest.raises(DeadlineMissed, match="not done after 7 s"):
        list(stream_of(Clocked(), worker, 7.0))
    assert not worker.alive
    with pytest.raises(Exception, match=REASON):
        worker.transcribe(TranscriptionRequest(SoundBytes(b"x")))


def test_who_waits_patiently_gets_nothing_in_between(worker: FakeWorker) -> None:
    events = Clocked((100.0, HearingProgress(0.0, 3.0)))
    stream = stream_of(events, worker)
    assert [stream.next_within(40.0), stream.next_within(40.0)] == [None, None]
    assert stream.next_within(40.0) == HearingProgress(0.0, 3.0)


def test_a_hang_up_reaches_the_engine(worker: FakeWorker) -> None:
    events = Clocked()
    stream_of(events, worker).cancel()
    assert events.cancelled
