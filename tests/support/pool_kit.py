"""A pool of workers without a process, and those who ask it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import PurePath

from application.serving.model_pool import ModelPool
from domain.catalog import LocatedModel, ModelSource
from domain.inference import GenerationEvent, GenerationRequest, Message, Role, TextDelta
from domain.serving.load_options import LoadOptions
from domain.serving.model_load import ModelLoad
from domain.serving.model_settings import Keeping
from domain.serving.standing import ModelStanding
from ports.model_worker import GenerationStream
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.worker import PLAIN_LOAD, FakeWorker, FakeWorkerLauncher, Script

LIMIT_SECONDS = 20
ANSWER = "one two three four five six"


def model(name: str) -> LocatedModel:
    return LocatedModel(name, PurePath("/models") / name, ModelSource.WORKSPACE)


def load(name: str, need: int = 40, **keeping: object) -> ModelLoad:
    return ModelLoad(model(name), need, keeping=Keeping(**keeping))  # type: ignore[arg-type]


def request(text: str = "hello") -> GenerationRequest:
    return GenerationRequest(messages=(Message(Role.USER, text),))


def text_of(events: Iterator[GenerationEvent] | GenerationStream) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread will do."""
    tick = threading.Event()
    for _ in range(LIMIT_SECONDS * 200):
        if condition():
            return
        tick.wait(0.005)
    raise AssertionError("it did not happen in time")


def names(launcher: FakeWorkerLauncher) -> list[str]:
    return [worker.loaded.name for worker in launcher.workers]


class Asker:
    """Asks models of the pool; `need` bytes each."""

    def __init__(self, pool: ModelPool) -> None:
        self.pool = pool

    def __call__(self, name: str, *, need: int = 40, streamed: bool = True, text: str = "hello") -> GenerationStream:
        return self.pool.stream(load(name, need), request(text), streamed=streamed)


class SlowLauncher(FakeWorkerLauncher):
    """Loading takes time on the clock. dead_on_arrival: so many workers die before their first token. gates: a model
    named here is loaded once its event is set.
    """

    def __init__(self, clock: FakeClock, load_seconds: float = 0.0) -> None:
        super().__init__(Script(default=ANSWER))
        self.load_seconds = load_seconds
        self.dead_on_arrival = 0
        self.gates: dict[str, threading.Event] = {}
        self._clock = clock

    def launch(self, model: LocatedModel, options: LoadOptions = PLAIN_LOAD) -> FakeWorker:
        if (gate := self.gates.get(model.name)) is not None:
            assert gate.wait(LIMIT_SECONDS)
        worker = super().launch(model, options)
        self._clock.advance(self.load_seconds)
        if self.dead_on_arrival:
            self.dead_on_arrival -= 1
            worker.kill()
        return worker


class PoolKit:
    """A pool with room for 100 bytes, on a clock that stands still."""

    def __init__(self, load_seconds: float = 0.0) -> None:
        self.clock = FakeClock()
        self.launcher = SlowLauncher(self.clock, load_seconds)
        self.pool = ModelPool(self.launcher, 100, self.clock)
        self.ask = Asker(self.pool)

    def close(self) -> None:
        self.launcher.script.hold_after = None
        self.launcher.changed()
        self.pool.close()

    def stands(self, name: str) -> ModelStanding:
        (found,) = [each for each in self.pool.standing() if each.name == name]
        return found

    def loaded(self) -> set[str]:
        return {each.name for each in self.pool.loaded()}
