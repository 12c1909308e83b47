"""What every WorkerLauncher and ModelWorker does: the fake ones and the ones with a process and MLX in it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import pytest

from adapters.worker_process.launcher import ProcessWorkerLauncher
from domain.catalog import LocatedModel, ModelSource
from domain.errors import ContextLengthExceeded, EngineDied, ModelLoadFailed, ServerShutdown
from domain.inference import (
    DefaultLength,
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
)
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from domain.serving.prompt_divergence import Divergence
from domain.serving.vitals import EngineVitals
from domain.serving.worker_death import DeathCause
from ports.model_worker import GenerationStream, ModelWorker, WorkerLauncher
from tests.support.eventually import eventually
from tests.support.fakes.worker import FakeWorker, FakeWorkerLauncher, Script
from tests.support.tiny_llama import TinyLlama

CONTEXT = 4096
LONG = 4000  # tokens: an answer that is not over before the test has acted


@dataclass(frozen=True)
class Case:
    """A launcher, a model it can load, one it cannot, and the way its workers are killed."""

    launcher: WorkerLauncher
    model: LocatedModel
    broken: LocatedModel
    kill: Callable[[ModelWorker], None]


def fake_case() -> Case:
    model = LocatedModel("org/fake", PurePath("/nowhere"), ModelSource.CACHE)
    broken = LocatedModel("org/broken", PurePath("/nowhere/else"), ModelSource.CACHE)
    script = Script(
        default=" ".join(f"word{number}" for number in range(LONG)),
        fail_to_load={broken.name: ModelLoadFailed("cannot load org/broken: no weights")},
        context_length=CONTEXT,
    )

    def kill(worker: ModelWorker) -> None:
        assert isinstance(worker, FakeWorker)
        worker.kill()

    return Case(FakeWorkerLauncher(script), model, broken, kill)


def process_case(folder: Path) -> Case:
    model = LocatedModel("org/tiny", TinyLlama(context_length=CONTEXT).build(folder / "tiny"), ModelSource.WORKSPACE)
    broken = LocatedModel("org/broken", folder / "broken", ModelSource.WORKSPACE)
    launcher = ProcessWorkerLauncher(dict(os.environ), keep_spare=True)
    return Case(launcher, model, broken, lambda worker: os.kill(worker.loaded.process_id, signal.SIGKILL))


@pytest.fixture(scope="module", params=["fake", "process"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    made = fake_case() if request.param == "fake" else process_case(tmp_path_factory.mktemp("workers"))
    yield made
    made.launcher.close()


@pytest.fixture(scope="module")
def shared(case: Case) -> Iterator[ModelWorker]:
    """One worker for all tests that leave it alive."""
    worker = case.launcher.launch(case.model, LoadOptions(prefix_cache=PrefixCacheBudget(ram_bytes=1 << 26)))
    yield worker
    worker.close()


@pytest.fixture
def fresh(case: Case) -> Iterator[ModelWorker]:
    """A worker to be ended by the test."""
    worker = case.launcher.launch(case.model, LoadOptions())
    yield worker
    worker.close()


def asking(
    text: str = "hello", *, max_tokens: int | None = 8, stop: tuple[str, ...] = (), temperature: float = 0.0
) -> GenerationRequest:
    limits = TokenLimits(DefaultLength.FULL_CONTEXT, max_tokens)
    return GenerationRequest((Message(Role.USER, text),), limits, SamplingRequest(temperature, 1.0, seed=3), stop)


def read(stream: GenerationStream) -> tuple[str, Finished]:
    *deltas, end = list(stream)
    assert isinstance(end, Finished)
    assert all(isinstance(event, TextDelta) and event.text for event in deltas)
    return "".join(event.text for event in deltas if isinstance(event, TextDelta)), end


def repeatable(answer: tuple[str, Finished]) -> tuple[str, FinishReason, int]:
    """What must be the same each time: the report's seconds and what is found in a cache need not."""
    text, end = answer
    return text, end.reason, end.usage.completion_tokens


def test_a_loaded_worker_knows_its_model(case: Case, shared: ModelWorker) -> None:
    assert shared.alive
    assert shared.loaded.name == case.model.name
    assert shared.loaded.context_length == CONTEXT
    assert shared.loaded.process_id > 0
    assert shared.loaded.memory_bytes > 0


def test_an_answer_is_text_and_one_end(shared: ModelWorker) -> None:
    text, end = read(shared.generate(asking(max_tokens=8)))
    assert text
    assert end.reason is FinishReason.LENGTH
    assert end.usage.completion_tokens == 8
    assert end.usage.prompt_tokens > 0
    assert end.report is not None
    assert (end.report.max_tokens, end.report.sampling.seed, len(end.report.last_tokens)) == (8, 3, 3)


def test_a_stream_that_has_ended_stays_ended(shared: ModelWorker) -> None:
    stream = shared.generate(asking(max_tokens=1))
    read(stream)
    assert list(stream) == []
    stream.cancel()
    assert list(stream) == []


def test_a_greedy_answer_is_the_same_again_and_a_seeded_one_too(shared: ModelWorker) -> None:
    for temperature in (0.0, 1.0):
        answers = [read(shared.generate(asking(temperature=temperature, max_tokens=30))) for _ in range(2)]
        assert repeatable(answers[0]) == repeatable(answers[1])


def test_requests_side_by_side_get_their_own_answers(shared: ModelWorker) -> None:
    questions = ["one", "two words", "three more words"]
    alone = [repeatable(read(shared.generate(asking(text, max_tokens=30)))) for text in questions]
    streams = [shared.generate(asking(text, max_tokens=30)) for text in questions]
    assert [repeatable(read(stream)) for stream in streams] == alone


def test_a_stop_string_ends_the_answer_before_itself(shared: ModelWorker) -> None:
    whole, end = read(shared.generate(asking(max_tokens=40)))
    stop = whole[len(whole) // 2 :][:3]
    cut, stopped = read(shared.generate(asking(max_tokens=40, stop=(stop,))))
    assert cut == whole[: whole.index(stop)]
    assert stopped.reason is FinishReason.STOP
    assert stopped.usage.completion_tokens < end.usage.completion_tokens


def test_a_request_that_cannot_fit_is_refused_by_numbers_and_the_next_one_works(shared: ModelWorker) -> None:
    with pytest.raises(ContextLengthExceeded, match="> context 4,096") as refusal:
        read(shared.generate(asking(max_tokens=CONTEXT)))
    assert refusal.value.param == "max_tokens"
    assert isinstance(refusal.value.detail["largest_max_tokens"], int)
    with pytest.raises(ContextLengthExceeded, match="no room to answer") as refusal:
        read(shared.generate(asking("many words " * CONTEXT, max_tokens=1)))
    assert refusal.value.param == "messages"
    assert read(shared.generate(asking()))[0]


def test_a_prompt_is_explained_by_the_nearest_one_that_was_asked(shared: ModelWorker) -> None:
    read(shared.generate(asking("the king of France is tall")))
    same = shared.explain(asking("the king of France is tall")).divergence
    assert same.matched_tokens == same.prompt_tokens > 0
    assert 0 < same.reusable_tokens < same.prompt_tokens, "the last token is always read"
    told = shared.explain(asking("the king of Spain is tall"))
    found = told.divergence
    assert found.kind is Divergence.TOKENS_DIFFER
    assert 0 < found.matched_tokens < same.matched_tokens
    assert found.prompt_next[0] != found.remembered_next[0]
    assert told.prompt is not None
    assert told.remembered is not None
    assert told.prompt.token == found.prompt_next[0]
    assert told.prompt.following.lstrip().startswith("S")
    assert told.remembered.following.lstrip().startswith("F")


def test_an_explanation_is_no_answer_and_leaves_running_ones_alone(shared: ModelWorker) -> None:
    alone = repeatable(read(shared.generate(asking("a long story", max_tokens=200))))
    stream = shared.generate(asking("a long story", max_tokens=200))
    first = next(stream)
    for _ in range(3):
        assert shared.explain(asking("unheard of")).divergence.kind is Divergence.TOKENS_DIFFER
    *deltas, end = [first, *stream]
    assert isinstance(end, Finished)
    text = "".join(event.text for event in deltas if isinstance(event, TextDelta))
    assert repeatable((text, end)) == alone
    assert shared.explain(asking("unheard of")).divergence.kind is Divergence.TOKENS_DIFFER, "it was never answered"


def test_a_dead_worker_explains_nothing(case: Case, fresh: ModelWorker) -> None:
    case.kill(fresh)
    with pytest.raises(EngineDied):
        fresh.explain(asking())


def test_a_cancelled_stream_ends_and_its_worker_goes_on(shared: ModelWorker) -> None:
    stream = shared.generate(asking(max_tokens=LONG))
    next(iter(stream))
    stream.cancel()
    stream.cancel()
    assert list(stream) == []
    assert read(shared.generate(asking()))[0]


def test_a_stream_can_be_cancelled_before_anything_was_read(shared: ModelWorker) -> None:
    stream = shared.generate(asking(max_tokens=LONG))
    stream.cancel()
    assert list(stream) == []


def test_cancelling_ends_a_consumer_that_reads_on_another_thread(shared: ModelWorker) -> None:
    stream = shared.generate(asking(max_tokens=LONG))
    first = threading.Event()
    ended = threading.Event()

    def consume() -> None:
        for _ in stream:
            first.set()
        ended.set()

    thread = threading.Thread(target=consume)
    thread.start()
    assert first.wait(20)
    stream.cancel()
    assert ended.wait(20)
    thread.join()


def test_a_killed_worker_is_dead_at_once_and_its_streams_say_so(case: Case, fresh: ModelWorker) -> None:
    stream = fresh.generate(asking(max_tokens=LONG))
    next(iter(stream))
    case.kill(fresh)
    with pytest.raises(EngineDied, match=rf"{case.model.name}.*SIGKILL"):
        read(stream)
    eventually(lambda: not fresh.alive, "the worker to be known as dead")
    with pytest.raises(EngineDied):
        fresh.generate(asking())
    assert list(stream) == []


def vitals_of(worker: ModelWorker) -> EngineVitals:
    told: list[EngineVitals] = []
    worker.ask_vitals(told.append)
    eventually(lambda: bool(told), "the engine to answer")
    return told[0]


def test_an_engine_says_how_it_is_also_while_it_answers(shared: ModelWorker) -> None:
    before = vitals_of(shared).totals
    assert not shared.busy
    stream = shared.generate(asking(max_tokens=LONG))
    next(stream)
    assert shared.busy
    assert vitals_of(shared).pulse.running == 1
    assert vitals_of(shared).pulse.active_bytes > 0
    stream.cancel()
    eventually(lambda: vitals_of(shared).pulse.running == 0, "the row to leave")
    assert not shared.busy
    counted = vitals_of(shared).totals.since(before)
    assert counted.generated_tokens > 0
    assert counted.prompt_tokens > 0


def test_a_dead_worker_says_nothing_of_itself(case: Case, fresh: ModelWorker) -> None:
    case.kill(fresh)
    eventually(lambda: fresh.death is not None, "the death to be known")
    told: list[EngineVitals] = []
    fresh.ask_vitals(told.append)
    assert not told
    assert fresh.death is DeathCause.KILLED


def test_a_worker_that_is_ended_for_hanging_says_why_to_its_streams(fresh: ModelWorker) -> None:
    stream = fresh.generate(asking(max_tokens=LONG))
    next(stream)
    assert fresh.death is None
    fresh.kill("has not answered for 99 s")
    assert not fresh.alive
    with pytest.raises(EngineDied, match="was ended because it has not answered for 99 s"):
        read(stream)
    eventually(lambda: fresh.death is not None, "the process to be gone")
    fresh.kill("is killed twice")
    fresh.close()
    assert fresh.death is DeathCause.HUNG
    with pytest.raises(EngineDied, match="99 s"):
        fresh.generate(asking())


def test_a_worker_that_was_closed_has_not_died(fresh: ModelWorker) -> None:
    fresh.close()
    assert fresh.death is None
    fresh.kill("is closed already")
    assert fresh.death is None


def test_closing_ends_running_streams_and_happens_once(fresh: ModelWorker) -> None:
    stream = fresh.generate(asking(max_tokens=LONG))
    next(iter(stream))
    fresh.close()
    assert not fresh.alive
    with pytest.raises(EngineDied, match="was closed"):
        read(stream)
    with pytest.raises(EngineDied, match="was closed"):
        fresh.generate(asking())
    fresh.close()
    stream.cancel()


def test_a_model_that_cannot_be_loaded_is_named_and_the_next_one_loads(case: Case) -> None:
    with pytest.raises(ModelLoadFailed, match=case.broken.name):
        case.launcher.launch(case.broken, LoadOptions())
    worker = case.launcher.launch(case.model, LoadOptions())
    assert read(worker.generate(asking()))[0]
    worker.close()


def test_a_closed_launcher_launches_nothing(tmp_path: Path) -> None:
    for case in (fake_case(), process_case(tmp_path)):
        case.launcher.close()
        case.launcher.close()
        with pytest.raises(ServerShutdown):
            case.launcher.launch(case.model, LoadOptions())


def test_whoever_does_not_want_to_wait_for_ever_hears_that_nothing_came(case: Case) -> None:
    worker = case.launcher.launch(case.model, LoadOptions())
    request = GenerationRequest((Message(Role.USER, "hello"),), TokenLimits(DefaultLength.FULL_CONTEXT, 3))
    stream = worker.generate(request)
    events = []
    with pytest.raises(StopIteration):
        while True:
            events.append(stream.next_within(0.001))
    assert isinstance([event for event in events if event is not None][-1], Finished)
    with pytest.raises(StopIteration):
        stream.next_within(None)
    stopped = worker.generate(request)
    stopped.cancel()
    with pytest.raises(StopIteration):
        stopped.next_within(None)
    worker.close()
