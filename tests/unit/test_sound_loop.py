"""The loop of a worker that hears: order, fairness, deadlines, faults, cancelling, draining."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.errors import DeadlineMissed, GenerationFailed, InvalidMedia, ServerShutdown
from domain.inference.transcription import HeardSegment, HearingProgress, Transcription
from tests.support.eventually import eventually
from tests.support.running_sounds import RunningSounds


@pytest.fixture
def running() -> Iterator[RunningSounds]:
    made = RunningSounds()
    yield made
    assert made.drained()


def held(running: RunningSounds) -> None:
    """A sound's first piece of work has begun, and waits for the gate."""
    running.engine.gate.clear()
    running.submit(100, b"held")
    running.begun()


def waiting(running: RunningSounds, commands: int) -> None:
    eventually(lambda: running.loop._inbox.qsize() == commands, "all sounds are prepared")


def test_a_sound_is_told_of_in_order_and_ends_with_the_whole(running: RunningSounds) -> None:
    running.submit(1, b"one two")
    events = running.events(1)
    assert [type(event) for event in events] == [
        HearingProgress, HeardSegment, HearingProgress, HeardSegment, HearingProgress, Transcription
    ]  # fmt: skip
    whole = events[-1]
    assert isinstance(whole, Transcription)
    assert whole.text == "".join(event.delta for event in events if isinstance(event, HeardSegment)) == "one two"


def test_who_speaks_is_heard_before_files_which_get_every_fourth_turn(running: RunningSounds) -> None:
    held(running)
    running.submit(1, b"a b c d")
    running.submit(2, b"a b c d e f g h", live=True)
    waiting(running, 2)
    running.engine.gate.set()
    running.answer(1)
    running.answer(2)
    order = [job_id for job_id in running.engine.order if job_id != 100]
    assert order[:8] == [2, 2, 2, 1, 2, 2, 2, 1]


def test_who_speaks_does_not_wait_for_a_file_that_is_long_to_decode(running: RunningSounds) -> None:
    running.submit_slow_file(1)
    running.submit(2, b"quickly", live=True)
    assert running.text(2) == "quickly"
    vitals = running.vitals()
    assert vitals.preparing == 1
    running.now = 7.0
    assert running.vitals().preparing_seconds == 7.0
    running.codec.gate.set()
    assert running.text(1) == "slow"


def test_what_cannot_be_prepared_fails_alone(running: RunningSounds) -> None:
    running.submit(1, b"\xff")
    running.submit(2, b"\xfe")
    running.submit(3, b"fine")
    assert isinstance(running.answer(1), InvalidMedia)
    fault = running.answer(2)
    assert isinstance(fault, GenerationFailed) and "a fault of the codec's" in fault.message
    assert running.text(3) == "fine"


def test_a_fault_of_the_engine_ends_its_own_sound(running: RunningSounds) -> None:
    held(running)
    running.submit(1, b"one poison two")
    running.submit(2, b"one two")
    running.engine.gate.set()
    assert isinstance(running.answer(1), GenerationFailed)
    assert running.text(2) == "one two"


def test_a_deadline_ends_a_sound_between_two_pieces(running: RunningSounds) -> None:
    running.engine.gate.clear()
    running.submit(1, b"one two three", deadline=5.0)
    running.begun()
    running.now = 6.0
    running.engine.gate.set()
    late = running.answer(1)
    assert isinstance(late, DeadlineMissed) and "5 s" in late.message
    assert running.vitals().pulse.running == 0
    assert running.engine.order == [1]


def test_the_time_before_the_engine_begins_with_a_sound_does_not_count(running: RunningSounds) -> None:
    held(running)
    running.submit(1, b"one two three", deadline=5.0)
    waiting(running, 1)
    running.now = 100.0
    running.engine.gate.set()
    assert running.text(1) == "one two three"


def test_nothing_more_is_done_or_said_of_a_cancelled_sound(running: RunningSounds) -> None:
    held(running)
    running.submit(1, b"one two three")
    waiting(running, 1)
    running.loop.cancel(1)
    running.loop.cancel(77)
    running.engine.gate.set()
    running.submit(2, b"next")
    assert running.text(2) == "next"
    assert 1 not in running.engine.order
    assert 1 not in running._events


def test_vitals_count_what_was_heard_and_what_waits(running: RunningSounds) -> None:
    running.submit(1, b"one two three")
    running.answer(1)
    vitals = running.vitals()
    assert (vitals.totals.prompt_tokens, vitals.totals.generated_tokens) == (1, 3)
    assert vitals.step_seconds == 0.5 and vitals.preparing == 0 and vitals.pulse.running == 0


def test_a_piece_that_may_take_longer_than_was_told_is_told_of_before_it_begins(running: RunningSounds) -> None:
    assert running.vitals().step_seconds == 0.5
    running.submit(1, b"one")
    running.answer(1)
    assert running.warnings.empty()
    running.engine.step_seconds = 90.0
    running.engine.gate.clear()
    running.submit(2, b"two")
    assert running.warnings.get(timeout=20).step_seconds == 90.0
    running.engine.gate.set()
    running.answer(2)


def test_a_drained_loop_answers_what_it_has_and_takes_nothing_new(running: RunningSounds) -> None:
    held(running)
    running.submit(1, b"one two")
    running.submit(2, b"three", live=True)
    running.loop.drain()
    running.submit(3, b"late")
    assert not running.loop.idle
    running.engine.gate.set()
    assert running.text(1) == "one two" and running.text(2) == "three"
    assert isinstance(running.answer(3), ServerShutdown)
    assert running.drained() and running.loop.idle and running.crash is None
