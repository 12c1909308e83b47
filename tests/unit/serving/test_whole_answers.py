"""Questions whose answers come as a whole: shared workers, one replay after a death, nobody waiting any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from application.serving.measured import MeasuredPool
from application.serving.meter import Meter
from application.serving.model_pool import ModelPool
from domain.errors import EngineDied, Interrupted, UnsupportedParameter
from domain.inference.embedding import EmbeddingRequest, Embeddings
from ports.model_worker import ModelWorker, PendingAnswer
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.vectors import fake_embeddings
from tests.support.fakes.worker import FakeWorkerLauncher
from tests.support.pool_kit import load, until

REQUEST = EmbeddingRequest(("one two", "three"))
EXPECTED = fake_embeddings(REQUEST, 512)


def asking(worker: ModelWorker) -> PendingAnswer[Embeddings]:
    return worker.embed(REQUEST)


@pytest.fixture
def launcher() -> FakeWorkerLauncher:
    return FakeWorkerLauncher()


@pytest.fixture
def pool(launcher: FakeWorkerLauncher) -> Iterator[ModelPool]:
    made = ModelPool(launcher, 100, FakeClock())
    yield made
    launcher.script.vectors.held = False
    launcher.changed()
    made.close()


def test_an_answer_comes_with_who_gave_it_and_gives_the_seat_back(
    pool: ModelPool, launcher: FakeWorkerLauncher
) -> None:
    answer, loaded = pool.ask(load("a"), asking)
    assert answer == EXPECTED
    assert loaded == launcher.workers[0].loaded
    assert not pool.in_use(load("a"))
    pool.ask(load("a"), asking)
    assert len(launcher.workers) == 1


def test_a_question_survives_one_death_of_its_worker(pool: ModelPool, launcher: FakeWorkerLauncher) -> None:
    launcher.script.vectors.deaths = 1
    answer, loaded = pool.ask(load("a"), asking)
    assert answer == EXPECTED
    assert loaded == launcher.workers[1].loaded


def test_a_question_that_kills_two_workers_is_given_up(pool: ModelPool, launcher: FakeWorkerLauncher) -> None:
    launcher.script.vectors.deaths = 2
    with pytest.raises(EngineDied):
        pool.ask(load("a"), asking)
    assert not pool.in_use(load("a"))
    assert len(launcher.workers) == 2


def test_an_error_of_the_question_is_the_caller_s_and_is_not_asked_again(
    pool: ModelPool, launcher: FakeWorkerLauncher
) -> None:
    launcher.script.vectors.refuse = [UnsupportedParameter("no such length")]
    with pytest.raises(UnsupportedParameter, match="no such length"):
        pool.ask(load("a"), asking)
    assert len(launcher.workers[0].vector_requests) == 1
    assert not pool.in_use(load("a"))


def test_a_question_that_nobody_waits_for_is_cancelled(pool: ModelPool, launcher: FakeWorkerLauncher) -> None:
    launcher.script.vectors.held = True
    gone = threading.Event()
    with ThreadPoolExecutor() as background:
        asked = background.submit(pool.ask, load("a"), asking, given_up=gone.is_set)
        until(lambda: bool(launcher.workers and launcher.workers[0].pending))
        gone.set()
        with pytest.raises(Interrupted, match="nobody waits"):
            asked.result(timeout=20)
    assert launcher.workers[0].pending[0].cancelled
    assert not pool.in_use(load("a"))


def test_a_model_that_is_unloaded_by_force_ends_its_questions(pool: ModelPool, launcher: FakeWorkerLauncher) -> None:
    launcher.script.vectors.held = True
    with ThreadPoolExecutor() as background:
        asked = background.submit(pool.ask, load("a"), asking)
        until(lambda: bool(launcher.workers and launcher.workers[0].pending))
        assert pool.unload(load("a").model.identity, force=True)
        with pytest.raises(EngineDied, match="was unloaded"):
            asked.result(timeout=20)
    assert len(launcher.workers) == 1


def test_answers_and_failures_are_counted(launcher: FakeWorkerLauncher) -> None:
    meter = Meter(lambda: 1.0)
    pool = MeasuredPool(launcher, 100, FakeClock())
    pool.ask(load("a"), asking)
    pool.take_times(meter)
    pool.ask(load("a"), asking)
    launcher.script.vectors.refuse = [UnsupportedParameter("no")]
    with pytest.raises(UnsupportedParameter):
        pool.ask(load("a"), asking)
    families = {family.name: family.samples for family in meter.families()}
    outcomes = {dict(sample.labels)["outcome"]: sample.value for sample in families["mlxk_answers_total"]}
    assert outcomes == {"stop": 1, "unsupported_parameter": 1}
    assert [sample.value for sample in families["mlxk_requests_running"]] == [0]
    pool.close()
