"""Models that leave by themselves, stay, are sent away, or die too often; on a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from application.serving.model_record import MOST_RECORDS
from application.serving.table import LONGEST_TRIAL_SECONDS
from domain.errors import EngineDied, InsufficientMemory, Interrupted, ModelSuspended
from domain.serving.breaker import FIRST_PAUSE_SECONDS, MOST_DEATHS
from domain.serving.standing import ModelStanding, ModelState
from ports.model_worker import PatientStream
from tests.support.pool_kit import ANSWER, LIMIT_SECONDS, PoolKit, load, names, request, text_of, until


@pytest.fixture
def kit() -> Iterator[PoolKit]:
    made = PoolKit()
    yield made
    made.close()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=8) as executor:
        yield executor


# Idleness


def asleep(kit: PoolKit, seconds: float) -> None:
    """Wait until the one who watches sleeps for exactly so long: nothing is polled."""
    until(lambda: kit.clock.waits == [seconds])


def test_a_model_that_nobody_asks_leaves_after_its_time_and_not_before(kit: PoolKit) -> None:
    kit.pool.preload(load("a", idle_seconds=60))
    asleep(kit, 60)
    kit.clock.advance(59)
    asleep(kit, 1)
    assert kit.loaded() == {"a"}
    kit.clock.advance(1)
    until(lambda: kit.stands("a").state is ModelState.UNLOADED)
    assert not kit.launcher.workers[0].alive


def test_each_request_begins_the_time_anew(kit: PoolKit) -> None:
    kit.pool.preload(load("a", idle_seconds=60))
    asleep(kit, 60)
    kit.clock.advance(50)
    text_of(kit.pool.stream(load("a", idle_seconds=60), request(), streamed=True))
    kit.clock.advance(50)
    asleep(kit, 10)
    assert kit.loaded() == {"a"}
    assert kit.stands("a").idle_seconds == 50


def test_a_model_never_leaves_while_a_request_runs(kit: PoolKit) -> None:
    running = kit.pool.stream(load("a", idle_seconds=60), request(), streamed=True)
    next(running)
    kit.pool.preload(load("b", idle_seconds=30))
    asleep(kit, 30)
    kit.clock.advance(1000)
    until(lambda: kit.loaded() == {"a"})
    assert "one" + text_of(running) == ANSWER
    asleep(kit, 60)


def test_the_one_that_is_due_first_is_waited_for_also_when_it_comes_later(kit: PoolKit) -> None:
    kit.pool.preload(load("a", idle_seconds=60))
    asleep(kit, 60)
    kit.pool.preload(load("b", idle_seconds=5))
    asleep(kit, 5)
    kit.clock.advance(5)
    until(lambda: kit.loaded() == {"a"})
    asleep(kit, 55)


@pytest.mark.parametrize("keeping", [{"idle_seconds": 0}, {"idle_seconds": 60, "pinned": True}])
def test_a_model_without_a_time_and_a_pinned_one_stay(kit: PoolKit, keeping: dict[str, object]) -> None:
    kit.pool.preload(load("a", 40, **keeping))
    kit.pool.preload(load("b", idle_seconds=60))
    asleep(kit, 60)
    kit.clock.advance(100_000)
    until(lambda: kit.loaded() == {"a"})


def test_one_that_has_left_comes_back_when_it_is_asked(kit: PoolKit) -> None:
    kit.pool.preload(load("a", idle_seconds=60))
    asleep(kit, 60)
    kit.clock.advance(60)
    until(lambda: kit.loaded() == set())
    assert text_of(kit.ask("a")) == ANSWER
    assert kit.stands("a").loads == 2


# Pinned models


def test_a_pinned_model_leaves_for_nobody(kit: PoolKit) -> None:
    kit.pool.preload(load("a", pinned=True))
    for name in ("b", "c"):
        text_of(kit.ask(name))
    assert kit.loaded() == {"a", "c"}


def test_a_newcomer_that_pinned_models_leave_no_room_for_is_told_which_and_sends_nobody_away(kit: PoolKit) -> None:
    kit.pool.preload(load("a", 50, pinned=True))
    text_of(kit.ask("b", need=50))
    with pytest.raises(InsufficientMemory) as refusal:
        kit.ask("c", need=60)
    assert refusal.value.message == "c needs 60 B, and of the 100 B for models the pinned ones hold 50 B: a"
    assert refusal.value.detail == {"need_bytes": 60, "budget_bytes": 100}
    assert kit.loaded() == {"a", "b"}
    assert kit.pool.waiting == 0


def test_a_model_can_be_pinned_and_let_go_while_it_is_loaded(kit: PoolKit) -> None:
    text_of(kit.ask("a", need=60))
    kit.pool.preload(load("a", 60), pinned=True)
    with pytest.raises(InsufficientMemory):
        kit.ask("b", need=60)
    kit.pool.preload(load("a", 60))
    assert kit.stands("a").pinned, "to say nothing changes nothing"
    kit.pool.preload(load("a", 60), pinned=False)
    assert text_of(kit.ask("b", need=60)) == ANSWER


# Sending away


def test_what_is_not_loaded_need_not_leave(kit: PoolKit) -> None:
    assert kit.pool.unload("/models/a") is False


def test_an_idle_model_is_gone_when_it_has_been_unloaded_also_a_pinned_one(kit: PoolKit) -> None:
    kit.pool.preload(load("a", pinned=True))
    assert kit.pool.unload("/models/a") is True
    assert kit.loaded() == set()
    assert not kit.launcher.workers[0].alive
    assert text_of(kit.ask("a")) == ANSWER


def test_running_answers_finish_first_and_who_comes_meanwhile_loads_it_again(
    kit: PoolKit, background: ThreadPoolExecutor
) -> None:
    running = kit.ask("a")
    next(running)
    unloading = background.submit(kit.pool.unload, "/models/a")
    until(lambda: kit.stands("a").state is ModelState.DRAINING)
    late = background.submit(lambda: text_of(kit.ask("a")))
    until(lambda: kit.stands("a").waiting == 1)
    assert kit.launcher.workers[0].alive
    assert "one" + text_of(running) == ANSWER
    assert unloading.result(LIMIT_SECONDS) is True
    assert late.result(LIMIT_SECONDS) == ANSWER
    assert names(kit.launcher) == ["a", "a"]


def test_by_force_running_answers_end_with_an_error_also_those_that_have_shown_nothing(kit: PoolKit) -> None:
    begun, fresh = kit.ask("a"), kit.ask("a")
    next(begun)
    assert kit.pool.unload("/models/a", force=True) is True
    for stream in (begun, fresh):
        with pytest.raises(EngineDied, match="a was unloaded"):
            text_of(stream)
    assert names(kit.launcher) == ["a"], "nothing was run again"
    assert text_of(kit.ask("a")) == ANSWER


def test_a_model_leaves_also_when_nobody_waits_for_that_any_more(kit: PoolKit, background: ThreadPoolExecutor) -> None:
    running = kit.ask("a")
    next(running)
    gone = threading.Event()
    unloading = background.submit(kit.pool.unload, "/models/a", given_up=gone.is_set)
    until(lambda: kit.stands("a").state is ModelState.DRAINING)
    gone.set()
    kit.pool.wake()
    with pytest.raises(Interrupted):
        unloading.result(LIMIT_SECONDS)
    text_of(running)
    until(lambda: kit.loaded() == set())


def test_one_that_was_told_to_leave_stays_told_when_a_newcomer_gives_up_its_place(
    kit: PoolKit, background: ThreadPoolExecutor
) -> None:
    running = kit.ask("a", need=80)
    next(running)
    unloading = background.submit(kit.pool.unload, "/models/a")
    until(lambda: kit.stands("a").state is ModelState.DRAINING)
    gone = threading.Event()
    other = background.submit(lambda: kit.pool.stream(load("b", 80), request(), streamed=True, given_up=gone.is_set))
    until(lambda: kit.pool.waiting == 1)
    gone.set()
    kit.pool.wake()
    with pytest.raises(Interrupted):
        other.result(LIMIT_SECONDS)
    text_of(running)
    assert unloading.result(LIMIT_SECONDS) is True


# Deaths


def deaths(kit: PoolKit, times: int) -> None:
    """The model's workers die one after another, each in the middle of an answer."""
    for _ in range(times):
        kit.clock.advance(1)
        stream = kit.ask("a")
        next(stream)
        kit.launcher.workers[-1].kill()
        with pytest.raises(EngineDied):
            next(stream)


def test_a_model_that_dies_again_and_again_rests_and_is_tried_by_one_request_after_a_pause(
    kit: PoolKit, background: ThreadPoolExecutor
) -> None:
    deaths(kit, MOST_DEATHS)
    with pytest.raises(ModelSuspended, match="died 5 times in a row") as refusal:
        kit.ask("a")
    assert refusal.value.detail == {"retry_after_seconds": FIRST_PAUSE_SECONDS}
    assert kit.stands("a").state is ModelState.SUSPENDED
    assert len(kit.launcher.workers) == MOST_DEATHS
    assert text_of(kit.ask("b")) == ANSWER, "others go on"
    kit.clock.advance(FIRST_PAUSE_SECONDS)
    trial = kit.ask("a")
    next(trial)
    with pytest.raises(ModelSuspended):
        kit.ask("a")
    assert "one" + text_of(trial) == ANSWER
    assert kit.stands("a").state is ModelState.READY
    assert text_of(kit.ask("a")) == ANSWER


def test_a_trial_that_dies_makes_the_pause_longer(kit: PoolKit) -> None:
    deaths(kit, MOST_DEATHS)
    with pytest.raises(ModelSuspended):
        kit.ask("a")
    kit.clock.advance(FIRST_PAUSE_SECONDS)
    kit.launcher.dead_on_arrival = 1
    with pytest.raises(ModelSuspended) as refusal:
        text_of(kit.ask("a"))
    assert refusal.value.detail == {"retry_after_seconds": 2 * FIRST_PAUSE_SECONDS}
    kit.clock.advance(2 * FIRST_PAUSE_SECONDS)
    assert text_of(kit.ask("a")) == ANSWER


def test_a_trial_that_goes_on_for_long_keeps_nobody_out(kit: PoolKit) -> None:
    deaths(kit, MOST_DEATHS)
    kit.clock.advance(FIRST_PAUSE_SECONDS)
    trial = kit.ask("a")
    next(trial)
    kit.clock.advance(LONGEST_TRIAL_SECONDS)
    assert text_of(kit.ask("a")) == ANSWER
    assert "one" + text_of(trial) == ANSWER


def test_a_trial_that_nobody_waited_for_leaves_the_next_one_free(kit: PoolKit) -> None:
    deaths(kit, MOST_DEATHS)
    with pytest.raises(ModelSuspended):
        kit.ask("a")
    kit.clock.advance(FIRST_PAUSE_SECONDS)
    kit.pool.preload(load("b", 90, pinned=True))
    with pytest.raises(InsufficientMemory):
        kit.ask("a")
    kit.pool.unload("/models/b")
    assert text_of(kit.ask("a")) == ANSWER


def test_an_answer_between_deaths_makes_all_good(kit: PoolKit) -> None:
    for _ in range(3):
        deaths(kit, MOST_DEATHS - 1)
        kit.clock.advance(1)
        assert text_of(kit.ask("a")) == ANSWER


def test_a_model_whose_process_dies_while_it_loads_rests_too(kit: PoolKit) -> None:
    kit.launcher.script.fail_to_load["a"] = EngineDied("a was killed by SIGKILL")
    for _ in range(MOST_DEATHS):
        with pytest.raises(EngineDied):
            kit.ask("a")
        kit.clock.advance(1)
    del kit.launcher.script.fail_to_load["a"]
    with pytest.raises(ModelSuspended):
        kit.ask("a")


def test_a_restart_after_several_deaths_waits_for_its_time(kit: PoolKit, background: ThreadPoolExecutor) -> None:
    for _ in range(3):
        kit.pool.preload(load("a"))
        kit.launcher.workers[-1].kill()
    answer = background.submit(lambda: text_of(kit.ask("a")))
    until(lambda: kit.clock.waits == [0.25])
    assert len(kit.launcher.workers) == 3
    kit.clock.advance(0.25)
    assert answer.result(LIMIT_SECONDS) == ANSWER


def test_requests_that_run_when_a_model_is_suspended_are_told_so(kit: PoolKit) -> None:
    deaths(kit, MOST_DEATHS - 1)
    kit.clock.advance(1)
    kit.launcher.script.die_after = 0
    with pytest.raises(ModelSuspended):
        text_of(kit.ask("a"))


# Standing


def test_it_tells_how_every_model_stands(kit: PoolKit) -> None:
    kit.launcher.load_seconds = 2.5
    assert kit.pool.standing() == ()
    kit.pool.preload(load("a", pinned=True))
    running = kit.ask("b")
    next(running)
    kit.clock.advance(7)
    assert kit.pool.standing() == (
        ModelStanding(
            "a",
            "/models/a",
            ModelState.READY,
            0,
            0,
            1,
            0,
            2.5,
            1_000_000,
            pinned=True,
            idle_seconds=9.5,
            model_identity="/models/a",
        ),
        ModelStanding("b", "/models/b", ModelState.READY, 1, 0, 1, 0, 2.5, 1_000_000, model_identity="/models/b"),
    )
    kit.launcher.workers[0].kill()
    kit.pool.preload(load("a"))
    assert (kit.stands("a").restarts, kit.stands("a").loads) == (1, 1)


def test_models_that_left_long_ago_are_forgotten(kit: PoolKit) -> None:
    for number in range(MOST_RECORDS + 20):
        text_of(kit.ask(f"m{number}", need=100))
    standing = kit.pool.standing()
    assert len(standing) <= MOST_RECORDS
    assert standing[-1].state is ModelState.READY


# A worker that dies before its first token, and takes its time to come back


@pytest.fixture
def coming_back(kit: PoolKit) -> tuple[PatientStream, threading.Event]:
    """A stream whose worker has died under it; a new one comes when the event is set."""
    kit.launcher.script.hold_after = 0
    stream, gate = kit.pool.stream(load("a"), request(), streamed=True), threading.Event()
    assert stream.next_within(0.01) is None
    kit.launcher.gates["a"] = gate
    kit.launcher.workers[0].kill()
    kit.launcher.script.hold_after = None
    return stream, gate


def test_who_waits_in_portions_waits_no_longer_for_a_new_worker(
    coming_back: tuple[PatientStream, threading.Event],
) -> None:
    stream, gate = coming_back
    assert [stream.next_within(0.01) for _ in range(3)] == [None] * 3
    gate.set()
    assert text_of(stream) == ANSWER


def test_who_leaves_while_a_new_worker_starts_gives_the_seat_back(
    kit: PoolKit, coming_back: tuple[PatientStream, threading.Event]
) -> None:
    stream, gate = coming_back
    assert stream.next_within(0.01) is None
    stream.cancel()
    with pytest.raises(StopIteration):
        stream.next_within(0.01)
    gate.set()
    until(lambda: kit.stands("a").users == 0)
    assert text_of(kit.ask("a")) == ANSWER
    assert kit.stands("a").restarts == 1


def test_a_new_worker_that_cannot_be_had_is_told_once_to_who_waits_in_portions(
    kit: PoolKit, coming_back: tuple[PatientStream, threading.Event]
) -> None:
    stream, gate = coming_back
    assert stream.next_within(0.01) is None
    kit.launcher.dead_on_arrival = 1
    gate.set()
    with pytest.raises(EngineDied):
        until(lambda: stream.next_within(0.01) is not None)
    assert kit.stands("a").users == 0
    assert len(kit.launcher.workers) == 2, "it is tried once more, not again and again"
