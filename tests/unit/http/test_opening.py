"""Asking for answers beside the route: whoever leaves ends the wait, and what comes too late is called off."""

from __future__ import annotations

import threading
from pathlib import PurePath

import pytest

from application.inference.several import ChoiceEvent, SeveralAnswers
from domain.catalog import LocatedModel, ModelSource
from domain.errors import Interrupted, ModelLoadFailed
from domain.inference import TextDelta
from entrypoints.http.hangups import Watch
from entrypoints.http.opening import GivenUp, Opening

SECONDS = 20.0


class Events:
    """A ChoiceStream of one event."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self._left = 1

    def next_within(self, seconds: float | None) -> ChoiceEvent | None:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return 0, TextDelta("a")

    def cancel(self) -> None:
        self.cancelled.set()


class Pool:
    """`begin` waits here for its model, and looks whether it was given up whenever it is woken."""

    def __init__(self) -> None:
        self.events = Events()
        self.loaded = False
        self.fault: Exception | None = None
        self._changed = threading.Condition()

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def load(self) -> None:
        self.loaded = True
        self.wake()

    def begin(self, given_up: GivenUp) -> SeveralAnswers:
        with self._changed:
            assert self._changed.wait_for(lambda: self.loaded or given_up(), SECONDS)
        if not self.loaded:
            raise Interrupted("nobody waits")
        if self.fault is not None:
            raise self.fault
        return SeveralAnswers(LocatedModel("m", PurePath("/m"), ModelSource.CACHE), self.events)


@pytest.fixture
def pool() -> Pool:
    return Pool()


def opened(pool: Pool, watch: Watch) -> Opening[ChoiceEvent]:
    opening = Opening[ChoiceEvent](pool.begin, watch, pool.wake)
    opening.beside()
    assert opening.within(0.01) is None
    return opening


def test_what_is_asked_for_beside_comes_with_its_events(pool: Pool) -> None:
    opening = opened(pool, Watch())
    late = opening.late(None, 0.01)
    assert [next(late), next(late)] == [None, None]
    pool.load()
    assert [each for each in late if each is not None] == [(0, TextDelta("a"))]
    assert opening.model == "m"


def test_whoever_hangs_up_ends_the_wait(pool: Pool) -> None:
    watch = Watch()
    opening = opened(pool, watch)
    watch.hang_up()
    with pytest.raises(Interrupted):
        opening.within(SECONDS)


def test_an_abandoned_wait_ends_too(pool: Pool) -> None:
    opening = opened(pool, Watch())
    opening.abandon()
    with pytest.raises(Interrupted):
        opening.within(SECONDS)


def test_answers_that_come_to_nobody_are_called_off(pool: Pool) -> None:
    pool.loaded = True
    for leave in (Opening.abandon, lambda opening: opening._watch.hang_up()):
        pool.events = Events()
        opening = Opening[ChoiceEvent](pool.begin, Watch(), pool.wake)
        leave(opening)
        opening.here()
        assert pool.events.cancelled.is_set()


def test_answers_that_run_are_called_off(pool: Pool) -> None:
    pool.loaded = True
    opening = Opening[ChoiceEvent](pool.begin, Watch(), pool.wake)
    opening.here()
    assert not pool.events.cancelled.is_set()
    opening.abandon()
    assert pool.events.cancelled.is_set()


def test_a_fault_is_raised_where_it_is_waited_for(pool: Pool) -> None:
    pool.fault = ModelLoadFailed("no weights")
    opening = opened(pool, Watch())
    pool.load()
    with pytest.raises(ModelLoadFailed):
        opening.within(SECONDS)
