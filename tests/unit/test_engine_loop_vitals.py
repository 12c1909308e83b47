"""What an engine loop says of itself, between two steps."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from application.inference.loop_tally import LoopTally
from domain.inference import GenerationRequest
from domain.serving.cache_check import CacheChecks
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals
from ports.text_codec import EncodedPrompt
from ports.text_engine import RowStep
from tests.support.eventually import eventually
from tests.support.fakes.codec import ByteCodec
from tests.support.fakes.engine import ScriptedEngine
from tests.support.running_loop import Running, Start, asking


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[Running] = []

    def begin(engine: ScriptedEngine | None = None, codec: ByteCodec | None = None) -> Running:
        made.append(Running(engine or ScriptedEngine(), codec or ByteCodec()))
        return made[-1].start()

    yield begin
    assert all(running.ends() for running in made)


def vitals_of(running: Running) -> EngineVitals:
    told: queue.SimpleQueue[EngineVitals] = queue.SimpleQueue()
    running.loop.ask_vitals(told.put)
    return told.get(timeout=20)


def test_an_idle_engine_says_at_once_how_it_is(start: Start) -> None:
    vitals = vitals_of(start())
    assert (vitals.pulse.running, vitals.preparing, vitals.totals) == (0, 0, EngineTotals())


def test_tokens_prompts_and_steps_are_counted(start: Start) -> None:
    running = start()
    for request_id in (1, 2):
        running.loop.submit(request_id, asking(max_tokens=8))
        running.answer(request_id)
    totals = vitals_of(running).totals
    assert totals.generated_tokens == 16
    assert totals.prompt_tokens == sum(len(each) for each in running.engine._remembered)
    assert totals.steps == running.engine.steps
    assert (totals.lookups, totals.hits) == (2, 0)


def test_a_row_that_was_cancelled_before_its_first_token_is_no_prompt_read(start: Start) -> None:
    gate = threading.Event()
    running = start(ScriptedEngine(gate=gate))
    running.loop.submit(1, asking())
    running.loop.cancel(1)
    gate.set()
    eventually(lambda: vitals_of(running).pulse.running == 0, "the row to leave")
    assert len(running.loop._tally._prompts) == 0


def test_an_engine_in_the_middle_of_a_step_answers_after_it(start: Start) -> None:
    gate = threading.Event()
    running = start(ScriptedEngine(gate=gate))
    running.loop.submit(1, asking(max_tokens=1))
    eventually(lambda: bool(running.engine._rows), "the row to be admitted")
    told: queue.SimpleQueue[EngineVitals] = queue.SimpleQueue()
    running.loop.ask_vitals(told.put)
    assert told.empty()
    gate.set()
    assert told.get(timeout=20).totals.steps <= 1


def test_a_step_that_may_take_longer_than_was_told_is_told_of_before_it_begins(start: Start) -> None:
    gate, told = threading.Event(), queue.SimpleQueue[EngineVitals]()
    running = start(ScriptedEngine(gate=gate, step_seconds=0.25))
    running.loop.forewarn(told.put)
    assert vitals_of(running).step_seconds == 0.25
    running.loop.submit(1, asking(max_tokens=1))
    eventually(lambda: bool(running.engine._rows), "a row like any other")
    assert told.empty()
    running.engine.step_seconds = 90.0
    running.loop.submit(2, asking(max_tokens=1))
    gate.set()
    assert told.get(timeout=20).step_seconds == 90.0


def test_a_text_thread_that_hangs_answers_nothing(start: Start) -> None:
    running = start()
    told: queue.SimpleQueue[EngineVitals] = queue.SimpleQueue()
    hanging, entered = threading.Event(), threading.Event()

    def hang(_: EngineVitals) -> None:
        entered.set()
        hanging.wait()

    running.loop.ask_vitals(hang)
    assert entered.wait(20)
    running.loop.ask_vitals(told.put)
    assert told.empty()
    hanging.set()
    assert told.get(timeout=20)


def test_a_request_that_hangs_in_its_template_is_told_of_while_the_engine_goes_on(start: Start) -> None:
    class Hanging(ByteCodec):
        gate = threading.Event()

        def encode(self, request: GenerationRequest) -> EncodedPrompt:
            if request.messages[-1].content == "hang":
                self.gate.wait()
            return super().encode(request)

    codec = Hanging()
    running = start(codec=codec)
    running.tick(1.0)
    running.loop.submit(1, asking("hang"))
    running.loop.submit(2, asking())
    eventually(lambda: vitals_of(running).preparing == 2, "both to wait")
    running.tick(70.0)
    assert vitals_of(running).preparing_seconds == 69.0
    codec.gate.set()
    running.answer(2)
    vitals = vitals_of(running)
    assert (vitals.preparing, vitals.preparing_seconds) == (0, 0.0)


def test_a_slow_step_is_expected_again_and_forgotten_in_time() -> None:
    now = [0.0]
    tally = LoopTally(lambda: now[0])

    def step(seconds: float) -> float:
        def take() -> list[RowStep]:
            now[0] += seconds
            return []

        tally.counted(take)
        return tally.vitals(EnginePulse(step_seconds=0.25), CacheChecks(), 0).step_seconds

    assert step(0.1) == 0.25, "the engine's own plan is the least"
    assert step(8.0) == 8.0
    assert 7.0 < step(0.1) < 8.0
    assert [step(0.1) for _ in range(60)][-1] == 0.25
