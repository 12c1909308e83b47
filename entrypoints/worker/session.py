"""A worker's life: start, load one model, answer until the front hangs up or SIGTERM comes."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from application.inference.engine_loop import EngineLoop
from application.inference.prepare_request import FreshValues, PrepareRequest
from application.inference.sound_loop import SoundLoop
from application.inference.vector_loop import VectorLoop
from domain.errors import InternalError, MlxkError, ModelLoadFailed
from domain.serving.load_options import Task
from domain.serving.vitals import EngineVitals
from ports.sound_engine import LoadedSound, SoundRuntime
from ports.text_runtime import LoadedText, TextRuntime
from ports.vector_engine import LoadedVectors, VectorRuntime
from ports.worker_channel import (
    AskVitals,
    CancelRequest,
    Command,
    EmbedTexts,
    ExplainPrompt,
    HearSound,
    LoadFailed,
    LoadModel,
    ModelLoaded,
    RequestEvents,
    RerankDocuments,
    SpeakText,
    StartRequest,
    TellVitals,
    WorkerChannel,
    WorkerStarted,
)

_LOG = logging.getLogger(__name__)
SEED_BYTES = 6  # a JSON number that JavaScript reads without losing digits
CALL_ID_BYTES = 12
CLOSING_SECONDS = 1.5  # the front waits for two before it kills
Loop = EngineLoop | VectorLoop | SoundLoop
Loaded = LoadedText | LoadedVectors | LoadedSound


@dataclass(frozen=True, slots=True)
class Runtimes:
    """What loads a model, by what it is to do."""

    text: TextRuntime
    vectors: VectorRuntime
    sound: SoundRuntime

    def of(self, task: Task) -> TextRuntime | VectorRuntime | SoundRuntime:
        if task is Task.GENERATE:
            return self.text
        return self.sound if task in (Task.TRANSCRIBE, Task.SPEAK) else self.vectors


class WorkerSession:
    """`run` on the main thread, which loads the model and does all MLX work; a reader thread takes commands.

    hang_up(message): ends the process at once, whatever its other threads are doing: the front has gone (message None)
    or cannot be understood. Nobody is left to answer, and a worker is never an orphan. One that has nothing to do first
    closes its engine, so that remembered prompts are on the disk, but takes no longer than CLOSING_SECONDS.
    """

    def __init__(
        self,
        channel: WorkerChannel,
        runtimes: Runtimes,
        hang_up: Callable[[str | None], None],
    ) -> None:
        self._channel = channel
        self._runtimes = runtimes
        self._hang_up = hang_up
        self._loads: queue.SimpleQueue[LoadModel] = queue.SimpleQueue()
        self._loop: Loop | None = None
        self._closed = threading.Event()

    def run(self) -> int:
        """The exit code: 0 after SIGTERM and finished requests, 1 when the model cannot be loaded."""
        threading.Thread(target=self._read, name="mlxk-commands", daemon=True).start()
        self._channel.send(WorkerStarted(os.getpid()))
        with contextlib.suppress(ModelLoadFailed):  # `load` meets the same fault, and there is somebody to tell
            self._runtimes.text.warm()
        try:
            command = self._loads.get()
            loaded = self._runtimes.of(command.options.task).load(command.model, command.options)
        except MlxkError as error:
            self._channel.send(LoadFailed(error))
            return 1
        self._serve(loaded, self._loop_of(loaded))
        return 0

    def drain(self) -> None:
        """Let `run` return once the requests so far are answered; at once while there can be none. For SIGTERM."""
        if self._loop is None:
            self._hang_up(None)
        else:
            self._loop.drain()

    def _loop_of(self, loaded: Loaded) -> Loop:
        match loaded:
            case LoadedText():
                return self._text_loop(loaded)
            case LoadedVectors(engine, codec):
                return VectorLoop(engine, codec, self._channel.send, time.monotonic)
            case LoadedSound(sound_engine, sound_codec):
                sound_loop = SoundLoop(sound_engine, sound_codec, self._channel.send, time.monotonic)
                sound_loop.forewarn(self._tell)
                return sound_loop

    def _text_loop(self, loaded: LoadedText) -> EngineLoop:
        loop = EngineLoop(
            loaded.engine,
            PrepareRequest(loaded.codec, FreshValues(_fresh_seed, _fresh_call_id, time.monotonic)),
            lambda events: self._channel.send(RequestEvents(events)),
            tell=_LOG.debug if _LOG.isEnabledFor(logging.DEBUG) else None,
        )
        loop.forewarn(self._tell)
        return loop

    def _serve(self, loaded: Loaded, loop: Loop) -> None:
        self._loop = loop
        self._channel.send(ModelLoaded(loaded.facts))
        loop.run()
        loaded.engine.close()
        self._closed.set()

    def _tell(self, vitals: EngineVitals) -> None:
        self._channel.send(TellVitals(vitals))

    # The reader thread

    def _read(self) -> None:
        try:
            while (command := self._channel.receive()) is not None:
                self._obey(command)
        except InternalError as fault:
            self._hang_up(fault.message)
        else:
            self._close_in_order()
            self._hang_up(None)

    def _close_in_order(self) -> None:
        if self._loop is not None and self._loop.idle:
            self._loop.drain()
            self._closed.wait(CLOSING_SECONDS)

    def _obey(self, command: Command) -> None:
        match command, self._loop:
            case LoadModel(), None:
                self._loads.put(command)
            case StartRequest(request_id, request), EngineLoop() as loop:
                loop.submit(request_id, request)
            case ExplainPrompt(request_id, request), EngineLoop() as loop:
                loop.explain(request_id, request)
            case ((EmbedTexts(request_id, asked) | RerankDocuments(request_id, asked)), VectorLoop() as vector_loop):
                vector_loop.submit(request_id, asked)
            case ((HearSound(request_id, sound) | SpeakText(request_id, sound)), SoundLoop() as sound_loop):
                sound_loop.submit(request_id, sound)
            case CancelRequest(request_id), (EngineLoop() | VectorLoop() | SoundLoop()) as loop:
                loop.cancel(request_id)
            case AskVitals(), (EngineLoop() | VectorLoop() | SoundLoop()) as loop:
                loop.ask_vitals(self._tell)
            case _:
                raise InternalError(f"the front sent {type(command).__name__} out of turn")


def _fresh_seed() -> int:
    return int.from_bytes(os.urandom(SEED_BYTES))


def _fresh_call_id() -> str:
    return f"call_{os.urandom(CALL_ID_BYTES).hex()}"
