"""Loading, sharing, restarting and making room, over workers without a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from application.serving.model_pool import ModelPool
from application.serving.model_record import REFUSAL_SECONDS
from application.serving.pool_values import Beside
from domain.catalog import LocatedModel
from domain.errors import Conflict, EngineDied, Interrupted, ModelLoadFailed, ServerShutdown
from domain.inference import Finished, FinishReason, GenerationRequest, PictureFacts, PicturesSeen, TextDelta, Usage
from domain.serving.load_options import LoadOptions
from domain.serving.model_load import ModelLoad
from domain.serving.prompt_explanation import PromptExplanation
from ports.model_worker import GenerationStream
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.event_worker import EventLauncher
from tests.support.fakes.worker import FakeWorker, FakeWorkerLauncher, Script
from tests.support.pool_kit import ANSWER, LIMIT_SECONDS, Asker, model, names, request, text_of, until


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def launcher() -> FakeWorkerLauncher:
    return FakeWorkerLauncher(Script(default=ANSWER))


@pytest.fixture
def pool(launcher: FakeWorkerLauncher, clock: FakeClock) -> Iterator[ModelPool]:
    made = ModelPool(launcher, 100, clock)
    yield made
    launcher.script.hold_after = None
    launcher.changed()
    made.close()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=8) as executor:
        yield executor


@pytest.fixture
def ask(pool: ModelPool) -> Asker:
    return Asker(pool)


def test_two_requests_share_one_worker(ask: Asker, launcher: FakeWorkerLauncher) -> None:
    first, second = ask("a"), ask("a")
    assert (text_of(first), text_of(second)) == (ANSWER, ANSWER)
    assert names(launcher) == ["a"]


def test_requests_that_arrive_together_load_the_model_once(
    ask: Asker, launcher: FakeWorkerLauncher, background: ThreadPoolExecutor
) -> None:
    answers = [background.submit(lambda: text_of(ask("a"))) for _ in range(8)]
    assert {answer.result(LIMIT_SECONDS) for answer in answers} == {ANSWER}
    assert names(launcher) == ["a"]


def test_models_that_fit_together_stay_loaded(ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher) -> None:
    for name in ("a", "b", "a", "b"):
        text_of(ask(name))
    assert names(launcher) == ["a", "b"]
    assert {loaded.name for loaded in pool.loaded()} == {"a", "b"}


def test_the_least_recently_used_model_leaves_first(ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher) -> None:
    for name in ("a", "b", "a", "c"):
        text_of(ask(name))
    assert {loaded.name for loaded in pool.loaded()} == {"a", "c"}
    assert not launcher.workers[1].alive


def test_a_model_larger_than_the_budget_is_served_alone(ask: Asker, pool: ModelPool) -> None:
    text_of(ask("a"))
    assert text_of(ask("large", need=500)) == ANSWER
    assert [loaded.name for loaded in pool.loaded()] == ["large"]


def test_a_busy_model_finishes_its_answer_before_it_leaves(
    ask: Asker, launcher: FakeWorkerLauncher, background: ThreadPoolExecutor
) -> None:
    busy = ask("a", need=80)
    begun = next(busy)
    waiting: Future[str] = background.submit(lambda: text_of(ask("b", need=80)))
    assert names(launcher) == ["a"]
    assert begun == TextDelta("one")
    assert "one" + text_of(busy) == ANSWER
    assert waiting.result(LIMIT_SECONDS) == ANSWER
    assert names(launcher) == ["a", "b"]


def test_a_model_that_must_leave_takes_no_new_requests_so_that_nobody_starves(
    ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher, background: ThreadPoolExecutor
) -> None:
    busy = ask("a", need=80)
    next(busy)
    other = background.submit(lambda: text_of(ask("b", need=80)))
    until(lambda: pool.waiting == 1)
    late = background.submit(lambda: text_of(ask("a", need=80)))
    until(lambda: pool.waiting == 2)
    text_of(busy)
    assert (other.result(LIMIT_SECONDS), late.result(LIMIT_SECONDS)) == (ANSWER, ANSWER)
    assert names(launcher) == ["a", "b", "a"]


def test_a_model_is_usable_again_when_the_one_it_should_leave_for_could_not_be_loaded(
    ask: Asker, launcher: FakeWorkerLauncher
) -> None:
    launcher.script.fail_to_load["b"] = ModelLoadFailed("cannot load b")
    text_of(ask("a", need=80))
    with pytest.raises(ModelLoadFailed, match="cannot load b"):
        ask("b", need=80)
    assert text_of(ask("a", need=80)) == ANSWER


def test_a_load_that_failed_fails_again_untried_for_a_while(
    ask: Asker, launcher: FakeWorkerLauncher, clock: FakeClock
) -> None:
    launcher.script.fail_to_load["a"] = ModelLoadFailed("cannot load a", hint="mend it")
    with pytest.raises(ModelLoadFailed):
        ask("a")
    del launcher.script.fail_to_load["a"]
    with pytest.raises(ModelLoadFailed, match="cannot load a") as again:
        ask("a")
    assert again.value.hint == "mend it"
    assert not launcher.workers
    clock.advance(REFUSAL_SECONDS)
    assert text_of(ask("a")) == ANSWER


def test_a_load_that_failed_is_tried_again_at_once_when_its_files_have_changed(
    pool: ModelPool, launcher: FakeWorkerLauncher
) -> None:
    launcher.script.fail_to_load["a"] = ModelLoadFailed("cannot load a")
    with pytest.raises(ModelLoadFailed):
        pool.preload(ModelLoad(model("a"), 40, fingerprint="old"))
    del launcher.script.fail_to_load["a"]
    assert pool.preload(ModelLoad(model("a"), 40, fingerprint="new")).name == "a"


def test_a_request_that_has_shown_nothing_is_answered_after_the_worker_died(
    ask: Asker, launcher: FakeWorkerLauncher
) -> None:
    launcher.script.die_after = 0
    assert text_of(ask("a")) == ANSWER
    assert names(launcher) == ["a", "a"]


def test_a_request_that_has_shown_text_ends_with_a_typed_error_and_the_next_one_works(
    ask: Asker, launcher: FakeWorkerLauncher
) -> None:
    launcher.script.die_after = 2
    stream = ask("a")
    assert [next(stream), next(stream)] == [TextDelta("one"), TextDelta(" two")]
    with pytest.raises(EngineDied, match="killed by SIGKILL"):
        next(stream)
    assert text_of(ask("a")) == ANSWER


def test_what_was_seen_is_nothing_shown_and_is_told_again_after_a_death() -> None:
    seen = PicturesSeen((PictureFacts("d", "PNG", 1, 1),))
    told = {"look": (seen, TextDelta("Red."), Finished(FinishReason.STOP, Usage(1, 1)))}
    launcher = EventLauncher(Script(die_after=1), told)
    pool = ModelPool(launcher, 100)
    stream = pool.stream(ModelLoad(model("a"), 1), request("look"), streamed=True)
    assert [type(event) for event in stream] == [PicturesSeen, PicturesSeen, TextDelta, Finished]
    assert len(launcher.workers) == 2
    pool.close()


def test_a_request_whose_answer_is_shown_whole_survives_a_death_in_the_middle(
    ask: Asker, launcher: FakeWorkerLauncher
) -> None:
    launcher.script.die_after = 3
    events = list(ask("a", streamed=False))
    assert text_of(iter(events)) == ANSWER
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, Finished) for event in events) == 1


def test_a_worker_that_died_idle_is_replaced_before_the_next_request(
    ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher
) -> None:
    text_of(ask("a"))
    launcher.workers[0].kill()
    assert pool.loaded() == ()
    assert text_of(ask("a")) == ANSWER
    assert names(launcher) == ["a", "a"]


def test_a_request_that_kills_its_worker_twice_fails_alone(ask: Asker, launcher: FakeWorkerLauncher) -> None:
    """The poisoned request dies again in its replay; the innocent one beside it is answered."""
    poison = Poison(launcher)
    innocent = ask("a", text="hello")
    poisoned = ask("a", text="poison")
    results: dict[str, str | Exception] = {}

    def read(name: str, stream: GenerationStream) -> None:
        try:
            results[name] = text_of(stream)
        except EngineDied as fault:
            results[name] = fault

    launcher.script.hold_after = 0
    threads = [threading.Thread(target=read, args=each) for each in (("innocent", innocent), ("poisoned", poisoned))]
    for thread in threads:
        thread.start()
    until(lambda: bool(launcher.workers) and launcher.workers[0].running == 2)
    poison.release()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    assert results["innocent"] == ANSWER
    assert isinstance(results["poisoned"], EngineDied)
    assert poison.deaths == 2


class Poison:
    """Kills every worker that is asked "poison", as soon as it is asked while nothing is held."""

    def __init__(self, launcher: FakeWorkerLauncher) -> None:
        self.deaths = 0
        self._launcher = launcher
        self._original = launcher.launch
        launcher.launch = self._launch  # type: ignore[method-assign, assignment]

    def release(self) -> None:
        """Let go of the first worker's streams by its death."""
        self._launcher.script.hold_after = None
        self._kill(self._launcher.workers[0])
        self._launcher.changed()

    def _launch(self, located: LocatedModel, options: LoadOptions) -> FakeWorker:
        worker = self._original(located, options)
        generate = worker.generate

        def poisoned(asked: GenerationRequest) -> GenerationStream:
            stream = generate(asked)
            if asked.messages[-1].content == "poison" and self.deaths:
                self._kill(worker)
            return stream

        worker.generate = poisoned  # type: ignore[method-assign, assignment]
        return worker

    def _kill(self, worker: FakeWorker) -> None:
        self.deaths += 1
        worker.kill()


def test_cancel_ends_a_reader_that_waits_and_frees_the_model(
    ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher, background: ThreadPoolExecutor
) -> None:
    launcher.script.hold_after = 1
    stream = ask("a")
    reading = background.submit(lambda: text_of(stream))
    until(lambda: bool(launcher.workers) and launcher.workers[0].running == 1)
    stream.cancel()
    assert reading.result(LIMIT_SECONDS) in ("", "one")
    assert launcher.workers[0].running == 0
    assert not pool.in_use(ModelLoad(model("a"), 40))


def test_cancel_between_two_reads_gives_the_seat_back_without_another_read(ask: Asker, pool: ModelPool) -> None:
    stream = ask("a")
    next(stream)
    stream.cancel()
    stream.cancel()
    assert not pool.in_use(ModelLoad(model("a"), 40))
    assert list(stream) == []


def test_a_finished_answer_gives_the_seat_back_without_another_read(ask: Asker, pool: ModelPool) -> None:
    stream = ask("a")
    for event in stream:
        if isinstance(event, Finished):
            break
    assert not pool.in_use(ModelLoad(model("a"), 40))


def test_closing_ends_workers_and_refuses_new_requests(
    ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher
) -> None:
    running = ask("a")
    next(running)
    pool.close()
    pool.close()
    assert not launcher.workers[0].alive
    assert launcher.closed
    with pytest.raises((EngineDied, ServerShutdown)):
        text_of(running)
    with pytest.raises(ServerShutdown):
        ask("a")


def test_closing_wakes_those_who_wait_for_room(ask: Asker, pool: ModelPool, background: ThreadPoolExecutor) -> None:
    busy = ask("a", need=80)
    next(busy)
    waiting = background.submit(lambda: ask("b", need=80))
    until(lambda: pool.waiting == 1)
    pool.close()
    with pytest.raises(ServerShutdown):
        waiting.result(LIMIT_SECONDS)


def test_preload_loads_once_and_leaves_the_model_idle(pool: ModelPool, launcher: FakeWorkerLauncher) -> None:
    assert pool.preload(ModelLoad(model("a"), 40)).name == "a"
    assert pool.preload(ModelLoad(model("a"), 40)).name == "a"
    assert names(launcher) == ["a"]
    assert not pool.in_use(ModelLoad(model("a"), 40))


def test_a_waiting_request_that_was_given_up_leaves_the_line_when_woken(
    ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher, background: ThreadPoolExecutor
) -> None:
    busy = ask("a", need=80)
    next(busy)
    gone = threading.Event()
    waiting = background.submit(
        lambda: pool.stream(ModelLoad(model("b"), 80), request(), streamed=True, given_up=gone.is_set)
    )
    until(lambda: pool.waiting == 1)
    gone.set()
    pool.wake()
    with pytest.raises(Interrupted, match="nobody waits"):
        waiting.result(LIMIT_SECONDS)
    assert pool.waiting == 0
    assert "one" + text_of(busy) == ANSWER
    assert text_of(ask("a", need=80)) == ANSWER
    assert names(launcher) == ["a"]


def test_one_that_leaves_the_line_behind_the_first_does_not_let_others_in_front(
    ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher, background: ThreadPoolExecutor
) -> None:
    busy = ask("a", need=80)
    next(busy)
    first = background.submit(lambda: text_of(ask("b", need=80)))
    until(lambda: pool.waiting == 1)
    gone = threading.Event()
    second = background.submit(
        lambda: pool.stream(ModelLoad(model("c"), 80), request(), streamed=True, given_up=gone.is_set)
    )
    until(lambda: pool.waiting == 2)
    gone.set()
    pool.wake()
    with pytest.raises(Interrupted):
        second.result(LIMIT_SECONDS)
    late = background.submit(lambda: text_of(ask("a", need=80)))
    until(lambda: pool.waiting == 2)
    text_of(busy)
    assert (first.result(LIMIT_SECONDS), late.result(LIMIT_SECONDS)) == (ANSWER, ANSWER)
    assert names(launcher) == ["a", "b", "a"]


# Explanations


def test_a_loaded_model_explains_a_prompt_and_one_that_is_not_is_not_loaded_for_it(
    ask: Asker, pool: ModelPool, launcher: FakeWorkerLauncher
) -> None:
    with pytest.raises(Conflict, match="a is not loaded") as refusal:
        pool.explain(ModelLoad(model("a"), 40), request())
    assert refusal.value.param == "model"
    assert not launcher.workers
    text_of(ask("a"))
    assert pool.explain(ModelLoad(model("a"), 0), request()).divergence.matched_tokens > 0
    launcher.workers[0].kill()
    with pytest.raises(Conflict):
        pool.explain(ModelLoad(model("a"), 40), request())
    assert len(launcher.workers) == 1


def test_to_explain_is_no_use_that_keeps_a_model(ask: Asker, pool: ModelPool) -> None:
    for name in ("a", "b"):
        text_of(ask(name))
    pool.explain(ModelLoad(model("a"), 40), request())
    text_of(ask("c"))
    assert {loaded.name for loaded in pool.loaded()} == {"b", "c"}


def test_a_model_stays_until_it_has_explained_and_takes_no_new_questions_when_it_must_leave(
    ask: Asker,
    pool: ModelPool,
    launcher: FakeWorkerLauncher,
    background: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text_of(ask("a", need=80))
    worker, asked, gate = launcher.workers[0], threading.Event(), threading.Event()
    explain = worker.explain

    def slowly(request: GenerationRequest) -> PromptExplanation:
        asked.set()
        assert gate.wait(LIMIT_SECONDS)
        return explain(request)

    monkeypatch.setattr(worker, "explain", slowly)
    told = background.submit(lambda: pool.explain(ModelLoad(model("a"), 80), request()))
    assert asked.wait(LIMIT_SECONDS)
    other = background.submit(lambda: text_of(ask("b", need=80)))
    until(lambda: pool.waiting == 1 and not pool.loads())
    assert worker.alive
    with pytest.raises(Conflict):
        pool.explain(ModelLoad(model("a"), 80), request())
    gate.set()
    assert told.result(LIMIT_SECONDS).divergence.matched_tokens > 0
    assert other.result(LIMIT_SECONDS) == ANSWER


def test_it_tells_what_would_leave_and_what_would_stay_beside_another(pool: ModelPool, ask: Asker) -> None:
    for name in ("a", "b"):
        text_of(ask(name))
    assert pool.beside(ModelLoad(model("c"), 10)) == Beside(leaving_bytes=0, staying_bytes=2_000_000)
    assert pool.beside(ModelLoad(model("c"), 40)) == Beside(leaving_bytes=1_000_000, staying_bytes=1_000_000)
