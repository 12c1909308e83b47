"""Who asks the engines how they are, and what becomes of those that do not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import PurePath

import pytest

from application.serving.watched_workers import WatchedLauncher, WatchedWorker
from application.serving.worker_watch import REVIVAL_SECONDS, WatchTimes, WorkerWatch
from domain.catalog import LocatedModel, ModelSource
from domain.errors import EngineDied, ModelLoadFailed
from domain.inference import DefaultLength, GenerationRequest, Message, Role, TokenLimits
from domain.serving.heartbeat import HeartLimits
from domain.serving.load_options import LoadOptions
from domain.serving.worker_death import DeathCause
from tests.support.eventually import eventually
from tests.support.fakes.worker import FakeWorkerLauncher

MODEL = LocatedModel("org/one", PurePath("/nowhere"), ModelSource.CACHE)
ASKING = GenerationRequest((Message(Role.USER, "hello"),), TokenLimits(DefaultLength.FULL_CONTEXT, 50))
NEVER = 3600.0


class House:
    """A watch over fake workers. Time passes when the test says so; the watch's own thread never gets to look."""

    def __init__(self, interval_seconds: float = NEVER, limits: HeartLimits | None = None) -> None:
        self.now = 0.0
        self.launcher = FakeWorkerLauncher()
        self.watch = WorkerWatch(WatchTimes(lambda: self.now, limits or HeartLimits(), interval_seconds))
        self.loads: list[tuple[str, float, bool]] = []

        def on_load(name: str, seconds: float, success: bool) -> None:
            self.loads.append((name, seconds, success))

        self.watched = WatchedLauncher(self.launcher, self.watch, on_load, lambda: self.now)

    def launch(self) -> WatchedWorker:
        return self.watched.launch(MODEL, LoadOptions())

    def passes(self, seconds: float) -> None:
        """The watch looks every second."""
        for _ in range(int(seconds)):
            self.now += 1.0
            self.watch.look()

    def says(self, **script: object) -> None:
        for name, value in script.items():
            setattr(self.launcher.script, name, value)
        self.launcher.changed()

    def trouble(self) -> str | None:
        (health,) = self.watch.look()
        return health.trouble


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.watch.close()


def test_a_worker_is_asked_as_soon_as_it_is_loaded(house: House) -> None:
    house.launch()
    (health,) = house.watch.look()
    assert (health.name, health.trouble) == ("org/one", None)
    assert health.vitals is not None


def test_an_engine_that_falls_silent_is_stuck_and_well_again_when_it_answers(house: House) -> None:
    worker = house.launch()
    house.says(mute=True)
    house.passes(11)
    assert house.trouble() is None, "ten seconds are allowed"
    house.passes(1)
    assert house.trouble() == "has not answered for 11 s"
    house.says(mute=False)
    assert house.trouble() is None
    assert worker.alive


def test_an_engine_that_stays_silent_is_ended_with_the_reason(house: House) -> None:
    worker = house.launch()
    stream = worker.generate(ASKING)
    house.says(mute=True)
    house.passes(32)
    assert not worker.alive
    with pytest.raises(EngineDied, match="was ended because it has not answered for 31 s"):
        list(stream)
    assert house.watch.deaths() == {("org/one", DeathCause.HUNG): 1}
    worker.close()
    assert house.watch.deaths() == {("org/one", DeathCause.HUNG): 1}
    assert house.watch.look() == ()


def test_a_template_that_never_ends_ends_its_worker(house: House) -> None:
    worker = house.launch()
    house.says(preparing_seconds=121.0)
    assert house.trouble() == "has been in one request's template or tokenizer for 121 s"
    assert not worker.alive


def test_a_worker_that_died_is_in_trouble_until_it_is_closed_and_is_started_again(house: House) -> None:
    revived = threading.Event()
    house.watch.revives_by(revived.set)
    worker = house.launch()
    house.launcher.workers[0].kill()
    assert house.trouble() == "has died and is not back yet"
    assert revived.wait(20)
    assert house.watch.deaths() == {("org/one", DeathCause.KILLED): 1}
    worker.close()
    eventually(lambda: house.watch.look() == (), "the revival's thread to end")


def test_a_model_that_keeps_dying_is_not_started_again_all_the_time(house: House) -> None:
    revivals: list[float] = []
    settled = threading.Semaphore(0)

    def revive() -> None:
        revivals.append(house.now)
        settled.release()
        raise ModelLoadFailed("no such weights")

    house.watch.revives_by(revive)
    house.launch()
    house.launcher.workers[0].kill()
    house.watch.look()
    assert settled.acquire(timeout=20)
    eventually(lambda: not house.watch._reviving, "the first attempt to be over")
    house.watch.look()
    house.passes(REVIVAL_SECONDS - 1)
    assert revivals == [0.0]
    house.passes(1)
    assert settled.acquire(timeout=20)
    assert revivals == [0.0, REVIVAL_SECONDS]


def test_a_worker_that_is_being_replaced_is_in_trouble_until_the_next_one_is_there(house: House) -> None:
    closed, loading, back = threading.Event(), threading.Event(), threading.Event()
    worker = house.launch()

    def revive() -> None:
        worker.close()
        closed.set()
        loading.wait()
        house.launch()
        back.set()

    house.watch.revives_by(revive)
    house.launcher.workers[0].kill()
    house.watch.look()
    assert closed.wait(20)
    assert house.trouble() == "has died and is not back yet"
    loading.set()
    assert back.wait(20)
    eventually(lambda: [each.trouble for each in house.watch.look()] == [None], "the new one alone to be told of")


def test_closing_a_worker_is_no_death(house: House) -> None:
    house.launch().close()
    assert house.watch.deaths() == {}


def test_totals_go_on_when_a_worker_is_replaced(house: House) -> None:
    for expected in (10, 20):
        worker = house.launch()
        stream = worker.generate(ASKING)
        house.watch.look()
        house.watch.look()
        assert house.watch.totals()["org/one"].generated_tokens == expected
        stream.cancel()
        worker.close()


def test_loads_are_timed_and_failed_ones_told(house: House) -> None:
    house.launch()
    house.launcher.script.fail_to_load[MODEL.name] = ModelLoadFailed("no")
    with pytest.raises(ModelLoadFailed):
        house.launch()
    assert house.loads == [("org/one", 0.0, True), ("org/one", 0.0, False)]


# The thread


@pytest.fixture
def quick() -> Iterator[House]:
    made = House(0.001, HeartLimits(silence_seconds=0.01))
    yield made
    made.watch.close()


def counting(house: House) -> Callable[[], int]:
    """How often the watch has looked."""
    looks: list[float] = []
    look = house.watch.look

    def counted() -> object:
        looks.append(house.now)
        return look()

    house.watch.look = counted  # type: ignore[method-assign, assignment]
    return lambda: len(looks)


def resting(house: House) -> bool:
    watch = house.watch
    return not watch._stirred and not watch._open()


def test_it_looks_while_a_request_runs_and_rests_when_none_does(quick: House) -> None:
    looks = counting(quick)
    worker = quick.launch()
    stream = worker.generate(ASKING)
    eventually(lambda: looks() > 3, "the watch to look")
    stream.cancel()
    eventually(lambda: resting(quick), "the watch to rest")
    before = looks()
    worker.generate(ASKING)
    eventually(lambda: looks() > before, "the watch to be stirred again")


def test_a_question_that_stays_open_is_followed_up_without_any_request(quick: House) -> None:
    worker = quick.launch()
    eventually(lambda: resting(quick), "the watch to rest")
    quick.says(mute=True)
    quick.watch.look()

    def passes() -> bool:
        quick.now += 0.001
        return not worker.alive

    eventually(passes, "the watch to give the worker up")


def test_waiting_for_answers_ends_when_they_are_there(house: House) -> None:
    house.launch()
    house.says(mute=True)
    answered = threading.Timer(0.01, lambda: house.says(mute=False))
    answered.start()
    (health,) = house.watch.fresh(20.0)
    answered.join()
    assert health.vitals is not None
