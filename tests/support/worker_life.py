"""A worker's whole inner life on a thread of the test: real model, real codec, real engine, no process."""

from __future__ import annotations

import threading
from pathlib import Path

from adapters.inference.embedding.runtime import MlxVectorRuntime
from adapters.inference.sound.runtime import MlxSoundRuntime
from adapters.inference.text_runtime import MlxTextRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import MlxkError
from domain.inference import Finished, GenerationEvent, GenerationRequest, ReasoningDelta, TextDelta
from domain.serving.load_options import LoadOptions
from entrypoints.worker.session import Runtimes, WorkerSession
from ports.worker_channel import (
    CancelRequest,
    LoadFailed,
    LoadModel,
    ModelLoaded,
    RequestEvents,
    SoundEvent,
    StartRequest,
    TellVitals,
    WholeEvent,
)
from tests.support.fakes.worker_channel import Front

Event = GenerationEvent | WholeEvent | SoundEvent | MlxkError


class WorkerLife:
    """One consumer. Raises the loading error of a model that does not load."""

    def __init__(self, folder: Path) -> None:
        self._front = Front()
        runtimes = Runtimes(MlxTextRuntime(), MlxVectorRuntime(), MlxSoundRuntime())
        self._session = WorkerSession(self._front, runtimes, lambda _message: None)
        self._crash: BaseException | None = None
        self._events: dict[int, list[Event]] = {}
        self._last_id = 0
        self._thread = threading.Thread(target=self._run, name="worker-life", daemon=True)
        self._thread.start()
        self._front.commands.put(LoadModel(LocatedModel("org/mini", folder, ModelSource.WORKSPACE), LoadOptions()))
        reply = self._front.hears()
        while not isinstance(reply, ModelLoaded):
            if isinstance(reply, LoadFailed):
                raise reply.error
            reply = self._front.hears()
        self.context_length = reply.facts.context_length

    def begin(self, request: GenerationRequest) -> int:
        self._last_id += 1
        self._events[self._last_id] = []
        self._front.commands.put(StartRequest(self._last_id, request))
        return self._last_id

    def cancel(self, request_id: int) -> None:
        self._front.commands.put(CancelRequest(request_id))

    def answer(self, request_id: int) -> list[Event]:
        """All its events, once it has ended."""
        while not any(_is_end(event) for event in self._events[request_id]):
            reply = self._front.hears()
            if isinstance(reply, TellVitals):  # told unasked before a step that may take longer than any so far
                continue
            assert isinstance(reply, RequestEvents), reply
            for owner, event in reply.events:
                self._events[owner].append(event)
        return self._events[request_id]

    def ask(self, request: GenerationRequest) -> list[Event]:
        return self.answer(self.begin(request))

    def close(self) -> None:
        """Drained. Raises whatever broke the session."""
        self._session.drain()
        self._thread.join(timeout=20)
        self._front.hang_up()
        if self._crash is not None:
            raise self._crash
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._session.run()
        except BaseException as fault:  # noqa: BLE001 - raised again by `close`
            self._crash = fault


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def reasoning_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def end_of(events: list[Event]) -> Finished | MlxkError:
    """The one end, which must come last."""
    ends = [event for event in events if _is_end(event)]
    assert len(ends) == 1
    last = events[-1]
    assert isinstance(last, Finished | MlxkError)
    return last


def _is_end(event: Event) -> bool:
    return isinstance(event, Finished | MlxkError)
