"""A worker's life, without a process: commands in, replies out."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import PurePath

import pytest

from adapters.inference.sound.runtime import MlxSoundRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import InternalError, ModelLoadFailed
from domain.inference import DefaultLength, Finished, GenerationRequest, Message, Role, TextDelta, TokenLimits
from domain.serving.prompt_divergence import Divergence
from domain.serving.prompt_explanation import PromptExplanation
from entrypoints.worker.session import Runtimes, WorkerSession
from ports.model_worker import LoadedModel
from ports.worker_channel import (
    CancelRequest,
    Command,
    ExplainPrompt,
    LoadFailed,
    LoadModel,
    ModelLoaded,
    RequestEvents,
    StartRequest,
    WorkerStarted,
)
from tests.support.fakes.engine import ScriptedEngine
from tests.support.fakes.text_runtime import ScriptedRuntime
from tests.support.fakes.vector_runtime import ScriptedVectorRuntime
from tests.support.fakes.worker_channel import Front

MODEL = LocatedModel("org/scripted", PurePath("/nowhere"), ModelSource.CACHE)
ASKING = GenerationRequest((Message(Role.USER, "hello"),), TokenLimits(DefaultLength.FULL_CONTEXT, 8))


class Life:
    """A session on a thread of its own."""

    def __init__(self, runtime: ScriptedRuntime) -> None:
        self.front = Front()
        self.hang_ups: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.session = WorkerSession(
            self.front, Runtimes(runtime, ScriptedVectorRuntime(), MlxSoundRuntime()), self.hang_ups.put
        )
        self.codes: list[int] = []
        self.thread = threading.Thread(target=lambda: self.codes.append(self.session.run()), daemon=True)
        self.thread.start()

    def exit_code(self) -> int:
        self.thread.join(timeout=20)
        return self.codes[0]


def loaded(life: Life) -> Life:
    life.front.commands.put(LoadModel(MODEL))
    assert isinstance(life.front.hears(), WorkerStarted)
    assert life.front.hears() == ModelLoaded(LoadedModel(MODEL.name, 512, os.getpid(), 1))
    return life


def test_it_says_hello_loads_answers_and_ends_when_drained() -> None:
    runtime = ScriptedRuntime()
    life = loaded(Life(runtime))
    life.front.commands.put(StartRequest(1, ASKING))
    text, last = "", None
    while not isinstance(last, Finished):
        reply = life.front.hears()
        assert isinstance(reply, RequestEvents)
        last = reply.events[-1][1]
        text += "".join(event.text for _, event in reply.events if isinstance(event, TextDelta))
    assert text == "well met"
    life.session.drain()
    assert life.exit_code() == 0
    assert set(runtime.threads) == {life.thread}, "loading and MLX belong to one thread"


def test_a_prompt_is_explained_after_an_answer_and_not_answered() -> None:
    life = loaded(Life(ScriptedRuntime()))
    life.front.commands.put(StartRequest(1, ASKING))
    life.front.commands.put(ExplainPrompt(2, ASKING))
    events: list[object] = []
    while not events or not life.front.replies.empty():
        reply = life.front.hears()
        assert isinstance(reply, RequestEvents)
        events += [event for owner, event in reply.events if owner == 2]
        if events:
            life.session.drain()
            assert life.exit_code() == 0
    [told] = events
    assert isinstance(told, PromptExplanation)
    assert told.divergence.kind is Divergence.IDENTICAL


def test_a_cancelled_request_is_called_off() -> None:
    gate = threading.Event()
    life = loaded(Life(ScriptedRuntime(engine=ScriptedEngine(gate=gate))))
    life.front.commands.put(StartRequest(1, ASKING))
    life.front.commands.put(CancelRequest(1))
    life.front.commands.put(StartRequest(2, ASKING))
    gate.set()
    owners: set[int] = set()
    while not owners:
        reply = life.front.hears()
        assert isinstance(reply, RequestEvents)
        owners |= {owner for owner, _ in reply.events}
    assert owners == {2}
    life.session.drain()
    assert life.exit_code() == 0


def test_a_model_that_cannot_be_loaded_is_reported_and_ends_the_worker() -> None:
    failure = ModelLoadFailed("MLX cannot be imported")
    life = Life(ScriptedRuntime(failure))
    assert isinstance(life.front.hears(), WorkerStarted)
    life.front.commands.put(LoadModel(MODEL))
    assert life.front.hears() == LoadFailed(failure)
    assert life.exit_code() == 1


@pytest.mark.parametrize("ready", [False, True])
def test_a_front_that_goes_away_ends_the_worker_at_once(ready: bool) -> None:
    life = Life(ScriptedRuntime())
    if ready:
        loaded(life)
    else:
        assert isinstance(life.front.hears(), WorkerStarted)
    life.front.hang_up()
    assert life.hang_ups.get(timeout=20) is None


def test_an_idle_worker_closes_its_engine_before_it_goes() -> None:
    engine = ScriptedEngine()
    life = loaded(Life(ScriptedRuntime(engine=engine)))
    life.front.hang_up()
    assert life.hang_ups.get(timeout=20) is None
    assert engine.closed


def test_a_busy_worker_goes_at_once() -> None:
    engine = ScriptedEngine(gate=threading.Event())
    life = loaded(Life(ScriptedRuntime(engine=engine)))
    life.front.commands.put(StartRequest(1, ASKING))
    life.front.hang_up()
    assert life.hang_ups.get(timeout=20) is None
    assert not engine.closed


@pytest.mark.parametrize("command", [StartRequest(1, ASKING), ExplainPrompt(1, ASKING), CancelRequest(1)])
def test_a_request_before_the_model_is_a_fault_of_the_front(command: Command) -> None:
    life = Life(ScriptedRuntime())
    life.front.commands.put(command)
    assert "out of turn" in str(life.hang_ups.get(timeout=20))


def test_a_second_model_is_a_fault_of_the_front() -> None:
    life = loaded(Life(ScriptedRuntime()))
    life.front.commands.put(LoadModel(MODEL))
    assert "LoadModel out of turn" in str(life.hang_ups.get(timeout=20))


def test_a_malformed_command_ends_the_worker_with_words() -> None:
    life = Life(ScriptedRuntime())
    life.front.commands.put(InternalError("this is no command"))
    assert life.hang_ups.get(timeout=20) == "this is no command"


def test_sigterm_before_a_model_is_loaded_ends_the_worker_at_once() -> None:
    life = Life(ScriptedRuntime())
    life.session.drain()
    assert life.hang_ups.get(timeout=20) is None
