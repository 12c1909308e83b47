"""Models that do not fit together take turns, on a clock that stands still: loading one takes 5 seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from pytest_mock import MockerFixture

from domain.serving.standing import ModelState
from domain.serving.switching import LONGEST_LINGER_SECONDS, TURN_SWITCHES
from tests.support.pool_kit import ANSWER, LIMIT_SECONDS, PoolKit, load, names, request, text_of, until

LOAD_SECONDS = 5.0
TURN_SECONDS = TURN_SWITCHES * 2 * LOAD_SECONDS
LARGE = 60


@pytest.fixture
def kit() -> Iterator[PoolKit]:
    made = PoolKit(LOAD_SECONDS)
    yield made
    made.close()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=8) as executor:
        yield executor


class Waiting:
    """Requests that wait in the background."""

    def __init__(self, kit: PoolKit, executor: ThreadPoolExecutor) -> None:
        self.kit = kit
        self.executor = executor

    def __call__(self, name: str, need: int = LARGE) -> Future[str]:
        """Comes back when it stands in line."""
        before = self.kit.pool.waiting
        answer = self.executor.submit(lambda: text_of(self.kit.ask(name, need=need)))
        until(lambda: self.kit.pool.waiting == before + 1)
        return answer


@pytest.fixture
def waits(kit: PoolKit, background: ThreadPoolExecutor) -> Waiting:
    return Waiting(kit, background)


def test_a_model_that_is_asked_again_and_again_goes_on_until_its_turn_is_over(kit: PoolKit, waits: Waiting) -> None:
    text_of(kit.ask("a", need=LARGE))
    other = waits("b")
    for _ in range(int(TURN_SECONDS) - 1):
        kit.clock.advance(1)
        assert text_of(kit.ask("a", need=LARGE)) == ANSWER
    until(lambda: kit.clock.waits == [1.0])
    assert names(kit.launcher) == ["a"]
    kit.clock.advance(1)
    assert other.result(LIMIT_SECONDS) == ANSWER
    assert names(kit.launcher) == ["a", "b"]


def test_a_model_that_nobody_asks_for_a_moment_gives_its_turn_away(kit: PoolKit, waits: Waiting) -> None:
    text_of(kit.ask("a", need=LARGE))
    other = waits("b")
    until(lambda: kit.clock.waits == [LONGEST_LINGER_SECONDS])
    kit.clock.advance(LONGEST_LINGER_SECONDS)
    assert other.result(LIMIT_SECONDS) == ANSWER


def test_a_model_that_has_been_idle_for_long_leaves_at_once(kit: PoolKit) -> None:
    text_of(kit.ask("a", need=LARGE))
    kit.clock.advance(LONGEST_LINGER_SECONDS)
    assert text_of(kit.ask("b", need=LARGE)) == ANSWER


def test_answers_of_one_model_wake_only_the_first_of_those_who_wait_for_another(
    kit: PoolKit, waits: Waiting, mocker: MockerFixture
) -> None:
    busy = kit.ask("a", need=LARGE)
    next(busy)
    others = [waits("b") for _ in range(5)]
    until(lambda: len(kit.clock.waits) == 1)
    looks = mocker.spy(kit.clock, "wait")
    for _ in range(20):
        assert text_of(kit.ask("a", need=LARGE)) == ANSWER
    assert looks.call_count < 1, "a is busy all the time: that is no news for anybody"
    text_of(busy)
    until(lambda: kit.clock.waits == [LONGEST_LINGER_SECONDS])
    assert looks.call_count == 1
    kit.clock.advance(LONGEST_LINGER_SECONDS)
    assert [other.result(LIMIT_SECONDS) for other in others] == [ANSWER] * 5


def test_further_answers_to_a_request_that_runs_do_not_wait_until_that_has_ended(
    kit: PoolKit, waits: Waiting, background: ThreadPoolExecutor
) -> None:
    """Its reader wants them all before it reads the first: it would wait for itself."""
    first = kit.ask("a", need=LARGE)
    kit.clock.advance(TURN_SECONDS)
    other = waits("b")
    until(lambda: kit.stands("a").state is ModelState.DRAINING)
    second = background.submit(lambda: kit.pool.stream(load("a", LARGE), request(), streamed=True, joining=True))
    assert text_of(second.result(LIMIT_SECONDS)) == ANSWER
    assert text_of(first) == ANSWER
    assert other.result(LIMIT_SECONDS) == ANSWER


def test_after_its_turn_it_drains_and_those_who_come_late_wait_for_the_next_one(kit: PoolKit, waits: Waiting) -> None:
    busy = kit.ask("a", need=LARGE)
    next(busy)
    other = waits("b")
    kit.clock.advance(TURN_SECONDS)
    until(lambda: kit.stands("a").state is ModelState.DRAINING)
    late = waits("a")
    assert "one" + text_of(busy) == ANSWER
    assert other.result(LIMIT_SECONDS) == ANSWER
    assert not late.done(), "now it is the other's turn"
    until(lambda: kit.clock.waits == [LONGEST_LINGER_SECONDS])
    kit.clock.advance(LONGEST_LINGER_SECONDS)
    assert late.result(LIMIT_SECONDS) == ANSWER
    assert names(kit.launcher) == ["a", "b", "a"]


def test_models_come_in_the_order_in_which_they_were_asked_for(kit: PoolKit, waits: Waiting) -> None:
    busy = kit.ask("a", need=LARGE)
    next(busy)
    answers = [waits(name) for name in ("b", "c", "b", "d")]
    kit.clock.advance(TURN_SECONDS)
    text_of(busy)
    for name in ("b", "c"):
        until(lambda name=name: name in kit.loaded() and kit.clock.waits == [LONGEST_LINGER_SECONDS])  # type: ignore[misc]
        kit.clock.advance(LONGEST_LINGER_SECONDS)
    assert [answer.result(LIMIT_SECONDS) for answer in answers] == [ANSWER] * 4
    assert names(kit.launcher) == ["a", "b", "c", "d"], "both who asked for b were answered in one turn"


def test_a_small_model_overtakes_where_that_takes_no_room_from_those_before(kit: PoolKit, waits: Waiting) -> None:
    busy = kit.ask("a", need=50)
    next(busy)
    text_of(kit.ask("s", need=10))
    kit.clock.advance(2 * TURN_SECONDS)
    other = waits("b")
    assert text_of(kit.ask("fits", need=30)) == ANSWER
    too_large = waits("late", 20)
    assert kit.loaded() == {"a", "s", "fits"}
    text_of(busy)
    assert other.result(LIMIT_SECONDS) == ANSWER
    kit.clock.advance(TURN_SECONDS)
    assert too_large.result(LIMIT_SECONDS) == ANSWER


def test_one_that_would_take_room_from_those_before_waits_though_it_would_fit_now(kit: PoolKit, waits: Waiting) -> None:
    busy = kit.ask("a", need=50)
    next(busy)
    kit.clock.advance(TURN_SECONDS)
    other, late = waits("b"), waits("late", 45)
    assert kit.loaded() == {"a"}
    text_of(busy)
    assert other.result(LIMIT_SECONDS) == ANSWER
    kit.clock.advance(TURN_SECONDS)
    assert late.result(LIMIT_SECONDS) == ANSWER


def test_a_newcomer_waits_until_the_one_that_leaves_has_given_its_memory_back(
    kit: PoolKit, waits: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.pool.preload(load("a", LARGE))
    worker, asked, gate = kit.launcher.workers[0], threading.Event(), threading.Event()
    end = worker.close

    def slowly() -> None:
        asked.set()
        assert gate.wait(LIMIT_SECONDS)
        end()

    monkeypatch.setattr(worker, "close", slowly)
    unloading = waits.executor.submit(kit.pool.unload, "/models/a")
    assert asked.wait(LIMIT_SECONDS)
    other = waits("b")
    assert names(kit.launcher) == ["a"]
    gate.set()
    assert unloading.result(LIMIT_SECONDS)
    assert other.result(LIMIT_SECONDS) == ANSWER


def test_a_newcomer_waits_for_the_place_of_a_pinned_model_that_was_told_to_leave(kit: PoolKit, waits: Waiting) -> None:
    kit.pool.preload(load("a", LARGE, pinned=True))
    busy = kit.ask("a", need=LARGE)
    next(busy)
    unloading = waits.executor.submit(kit.pool.unload, "/models/a")
    until(lambda: kit.stands("a").state is ModelState.DRAINING)
    other = waits("b")
    text_of(busy)
    assert unloading.result(LIMIT_SECONDS)
    assert other.result(LIMIT_SECONDS) == ANSWER


def test_one_that_need_not_leave_after_all_takes_requests_again(kit: PoolKit, waits: Waiting) -> None:
    answers = [kit.ask("a", need=50), kit.ask("c", need=40)]
    for answer in answers:
        next(answer)
    kit.clock.advance(2 * TURN_SECONDS)
    other = waits("b", 50)
    until(lambda: kit.stands("a").state is ModelState.DRAINING)
    kit.pool.unload("/models/c", force=True)
    assert other.result(LIMIT_SECONDS) == ANSWER
    assert kit.stands("a").state is ModelState.READY
    assert text_of(kit.ask("a", need=50)) == ANSWER


def test_nobody_is_sent_away_while_another_model_is_being_loaded(kit: PoolKit, waits: Waiting) -> None:
    for name in ("a", "s"):
        text_of(kit.ask(name, need=40))
    kit.clock.advance(2 * TURN_SECONDS)
    gate = kit.launcher.gates["b"] = threading.Event()
    executor = waits.executor
    first = executor.submit(lambda: text_of(kit.ask("b", need=60)))
    until(lambda: any(each.name == "b" and each.state is ModelState.LOADING for each in kit.pool.standing()))
    second = waits("c", 40)
    assert kit.loaded() == {"s"}
    gate.set()
    assert first.result(LIMIT_SECONDS) == ANSWER
    assert second.result(LIMIT_SECONDS) == ANSWER
    assert kit.loaded() == {"b", "c"}


def test_one_large_newcomer_sends_one_away_and_not_ten(kit: PoolKit) -> None:
    for number in range(8):
        kit.pool.preload(load(f"s{number}", 5))
    text_of(kit.ask("big", need=55))
    kit.clock.advance(2 * TURN_SECONDS)
    text_of(kit.ask("new", need=55))
    assert kit.loaded() == {"new", *(f"s{number}" for number in range(8))}


def test_models_that_fit_together_never_wait_for_one_another(kit: PoolKit) -> None:
    for name in ("a", "b", "a", "b"):
        assert text_of(kit.ask(name, need=50)) == ANSWER
    assert names(kit.launcher) == ["a", "b"]
