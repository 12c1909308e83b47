"""A worker as the front sees it."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from adapters.worker_process.messages import command_tails, decode_reply, encode_command
from adapters.worker_process.pending import PendingEmbeddings, PendingScores
from adapters.worker_process.process import ChildProcess
from adapters.worker_process.stream import EventStream, Last, PendingExplanation
from domain.catalog import LocatedModel
from domain.errors import EngineDied, InternalError, MlxkError, PayloadTooLarge
from domain.inference import GenerationEvent, GenerationRequest
from domain.inference.embedding import EmbeddingRequest, RerankRequest
from domain.inference.speech import SpeechEvent, SpeechPiece, SpeechRequest
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from domain.serving.load_options import LoadOptions
from domain.serving.prompt_explanation import PromptExplanation
from domain.serving.vitals import EngineVitals
from domain.serving.worker_death import DeathCause
from ports.model_worker import LoadedModel
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
    Question,
    Reply,
    RequestEvents,
    RerankDocuments,
    SpeakText,
    SpeechMade,
    StartRequest,
    TellVitals,
    VectorsMade,
    WholeEvent,
    WorkerStarted,
)

_LOG = logging.getLogger(__name__)
Streaming = EventStream[GenerationEvent] | EventStream[HearingEvent] | EventStream[SpeechEvent]
Waiting = Streaming | PendingExplanation | PendingEmbeddings | PendingScores
Asked = TypeVar("Asked", bound=Waiting)
ASK_VITALS = encode_command(AskVitals())
HINTS = {
    DeathCause.KILLED: "it may have run out of memory; ask again",
    DeathCause.ABORTED: "this is how Metal ends a process that runs out of memory; ask again, or for less at once",
    DeathCause.MEMORY: "free some memory, or ask for less at once",
}


class ProcessWorker:
    """ModelWorker over a child process. Before `load` it is a spare.

    One reader thread takes all frames and hands events to the requests' streams; it is also the one that notices the
    end of the process, within the time the kernel needs to close its socket, and waits for it.

    Invariant, under `_lock`: a stream is in `_streams` until its last event was put, and nothing is added once
    `_death` says how the process ended.
    """

    def __init__(self, child: ChildProcess) -> None:
        self._child = child
        self._lock = threading.Lock()
        self._streams: dict[int, Waiting] = {}
        self._last_id = 0
        self._name = "a spare worker"
        self._wanted = False
        self._loaded: LoadedModel | None = None
        self._loading: queue.SimpleQueue[LoadedModel | MlxkError] = queue.SimpleQueue()
        self._closing = False
        self._orderly = False  # it lived when it was closed
        self._hung_up = False
        self._death: str | None = None
        self._cause: DeathCause | None = None
        self._killed: str | None = None  # why
        self._vitals_wanted: list[Callable[[EngineVitals], None]] = []
        self._attentive: list[Callable[[EngineVitals], None]] = []  # who asked last
        self._reader = threading.Thread(target=self._read, name=f"mlxk-worker-{child.process_id}", daemon=True)
        self._reader.start()

    @property
    def process_id(self) -> int:
        return self._child.process_id

    @property
    def loaded(self) -> LoadedModel:
        if self._loaded is None:
            raise InternalError("this worker holds no model yet")
        return self._loaded

    @property
    def alive(self) -> bool:
        """By its socket, which the system closes with the process: asked by every request, so it asks nobody."""
        return not self._hung_up and not self._closing and self._killed is None

    @property
    def busy(self) -> bool:
        return bool(self._streams)

    @property
    def death(self) -> DeathCause | None:
        return None if self._orderly else self._cause

    def load(self, model: LocatedModel, options: LoadOptions) -> None:
        """Blocks until the model is loaded; once only. Raises what the worker says, or EngineDied."""
        self._name, self._wanted = model.name, True
        if self._child.output is not None:
            self._child.output.name = model.name
        with contextlib.suppress(BrokenPipeError):  # the reader knows how it ended
            self._send(LoadModel(model, options))
        outcome = self._loading.get()
        if isinstance(outcome, MlxkError):
            raise outcome
        self._loaded = outcome

    def generate(self, request: GenerationRequest) -> EventStream[GenerationEvent]:
        request_id = self._new_id()
        stream = EventStream[GenerationEvent](partial(self._cancel, request_id), GenerationEvent)
        return self._ask(StartRequest(request_id, request), stream)

    def transcribe(self, request: TranscriptionRequest) -> EventStream[HearingEvent]:
        request_id = self._new_id()
        stream = EventStream[HearingEvent](partial(self._cancel, request_id), HearingEvent)
        return self._ask(HearSound(request_id, request), stream, "file")

    def speak(self, request: SpeechRequest) -> EventStream[SpeechEvent]:
        request_id = self._new_id()
        stream = EventStream[SpeechEvent](partial(self._cancel, request_id), SpeechEvent)
        return self._ask(SpeakText(request_id, request), stream, "input")

    def explain(self, request: GenerationRequest) -> PromptExplanation:
        return self._ask(ExplainPrompt(self._new_id(), request), PendingExplanation()).wait()

    def embed(self, request: EmbeddingRequest) -> PendingEmbeddings:
        request_id = self._new_id()
        pending = PendingEmbeddings(partial(self._cancel, request_id), len(request.inputs))
        return self._ask(EmbedTexts(request_id, request), pending, "input")

    def rerank(self, request: RerankRequest) -> PendingScores:
        request_id = self._new_id()
        pending = PendingScores(partial(self._cancel, request_id))
        return self._ask(RerankDocuments(request_id, request), pending, "documents")

    def ask_vitals(self, answer: Callable[[EngineVitals], None]) -> None:
        """One question is on its way at most. What cannot be sent now waits for the next one that can: a process that
        takes nothing off its line says nothing either way.
        """
        with self._lock:
            if self._death is not None:
                return
            self._vitals_wanted.append(answer)
            self._attentive = [answer]
        self._child.frames.offer(ASK_VITALS)

    def kill(self, reason: str) -> None:
        if self.alive:
            self._killed = reason
            self._child.kill()
            self._child.frames.close()

    def close(self) -> None:
        """A spare is killed: it holds nothing, and in the middle of its imports it would not hear that we hung up."""
        self._orderly = self._orderly or self.alive
        self._closing = True
        if not self._wanted:
            self._child.kill()
        self._child.end()
        self._reader.join()

    def _new_id(self) -> int:
        with self._lock:
            self._last_id += 1
            return self._last_id

    def _ask(self, command: Question, waiting: Asked, largest: str = "messages") -> Asked:
        """largest: the parameter that makes a request large."""
        with self._lock:
            if self._closing or self._death is not None:
                raise self._died()
            self._streams[command.request_id] = waiting
        _LOG.debug("request %d of worker %d (%s)", command.request_id, self.process_id, self._name)
        try:
            self._send(command)
        except BrokenPipeError:
            self._reader.join()
            raise self._died() from None
        except InternalError as fault:  # larger than a frame may be; nothing was sent
            self._drop(command.request_id)
            raise PayloadTooLarge(
                f"the request is too large for {self._name}: {fault.message}", hint="send less", param=largest
            ) from fault
        return waiting

    def _cancel(self, request_id: int) -> None:
        if self._drop(request_id) is not None:
            with contextlib.suppress(BrokenPipeError):
                self._send(CancelRequest(request_id))

    def _drop(self, request_id: int) -> Waiting | None:
        with self._lock:
            return self._streams.pop(request_id, None)

    def _send(self, command: Command) -> None:
        self._child.frames.send(encode_command(command), command_tails(command))

    # The reader thread

    def _read(self) -> None:
        complaint = None
        try:
            while (message := self._child.frames.receive()) is not None:
                self._take(decode_reply(message))
        except InternalError as fault:
            complaint = fault.message
        finally:
            self._bury(complaint)

    def _take(self, reply: Reply) -> None:
        match reply:
            case RequestEvents(events):
                for request_id, event in events:
                    stream = self._streams.get(request_id)
                    if stream is not None:
                        if isinstance(event, Last | WholeEvent | MlxkError):
                            self._drop(request_id)
                        stream.put(event)
            case VectorsMade() | SpeechMade():
                self._take_bytes(reply)
            case TellVitals(vitals):
                with self._lock:
                    wanted, self._vitals_wanted = self._vitals_wanted or self._attentive, []
                for answer in wanted:
                    answer(vitals)
            case ModelLoaded(facts):
                self._loading.put(facts)
            case LoadFailed(error):
                self._loading.put(error)
            case WorkerStarted():
                pass  # its protocol version has been read and found good

    def _take_bytes(self, reply: VectorsMade | SpeechMade) -> None:
        waiting = self._streams.get(reply.request_id)
        if isinstance(reply, SpeechMade) and waiting is not None:
            waiting.put(SpeechPiece(reply.data))
        elif isinstance(reply, VectorsMade) and isinstance(waiting, PendingEmbeddings):
            waiting.put_vectors(reply)

    def _bury(self, complaint: str | None) -> None:
        """The line has closed or cannot be used: see the process off and tell everybody who waits."""
        self._hung_up = True
        obituary = self._child.end()
        if complaint is not None:
            obituary = f"{obituary} ({complaint})"
        with self._lock:
            self._death = obituary if self._killed is None else f"was ended because it {self._killed}"
            self._cause = self._cause_of_death(complaint)
            self._vitals_wanted.clear()
            self._attentive = []
            streams = list(self._streams.values())
            self._streams.clear()
        if self._child.output is not None and self._wanted and self._killed is None and self.death is not None:
            _LOG.warning("%s", self._died().message)
        self._loading.put(self._died())
        for stream in streams:
            stream.put(self._died())

    def _died(self) -> EngineDied:
        how = "was closed" if self._orderly or self._death is None else self._death
        hint = "ask again" if self.death is None else HINTS.get(self.death, "ask again")
        return EngineDied(f"the engine process of {self._name} (process {self.process_id}) {how}", hint=hint)

    def _cause_of_death(self, complaint: str | None) -> DeathCause:
        if self._killed is not None:
            return DeathCause.HUNG
        return self._child.cause if complaint is None else DeathCause.GARBLED
