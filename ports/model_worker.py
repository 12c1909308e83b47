"""A loaded model behind a process boundary, as the front sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from domain.catalog import LocatedModel
from domain.inference import GenerationEvent, GenerationRequest
from domain.inference.embedding import EmbeddingRequest, Embeddings, RerankRequest, RerankScores
from domain.inference.speech import SpeechEvent, SpeechRequest
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from domain.serving.load_options import LoadOptions
from domain.serving.prompt_explanation import PromptExplanation
from domain.serving.vitals import EngineVitals
from domain.serving.worker_death import DeathCause

Whole_co = TypeVar("Whole_co", covariant=True)
Event_co = TypeVar("Event_co", covariant=True)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What the worker says of the model it holds. memory_bytes: active MLX memory after loading. device: "gpu" or
    "cpu".
    """

    name: str
    context_length: int
    process_id: int
    memory_bytes: int
    device: str = "cpu"


class EventsOf(Protocol[Event_co]):
    """The events of one answer, ending with its last one (Finished, Transcription, Spoken). One consumer thread;
    `cancel` from any thread.
    """

    def __iter__(self) -> Iterator[Event_co]:
        """Itself."""

    def __next__(self) -> Event_co:
        """Blocks for the next event.

        Raises StopIteration after the last one or after cancel; EngineDied when the worker ended under the request; any
        other MlxkError when the request itself failed (ContextLengthExceeded, InvalidRequest, GenerationFailed).
        """

    def cancel(self) -> None:
        """Give the slot back at the engine's next step; wakes a blocked consumer. Idempotent, never raises."""


class PatientEvents(EventsOf[Event_co], Protocol[Event_co]):
    """Those whose consumer need not wait for ever."""

    def next_within(self, seconds: float | None) -> Event_co | None:
        """As `next`, StopIteration and all, but None when nothing came for so long. None waits as long as it takes."""


GenerationStream = EventsOf[GenerationEvent]
PatientStream = PatientEvents[GenerationEvent]


class PendingAnswer(Protocol[Whole_co]):
    """An answer that comes as a whole. One consumer thread; `cancel` from any thread."""

    def within(self, seconds: float | None) -> Whole_co | None:
        """Blocks for the answer; None when it is not there after so long. None waits as long as it takes.

        Raises EngineDied when the worker ended under the request, any other MlxkError when the request itself failed;
        not to be called again after either, nor after the answer.
        """

    def cancel(self) -> None:
        """Nothing more is wanted: the worker forgets it between two passes. Idempotent, never raises."""


class ModelWorker(Protocol):
    """One model in one process. Thread-safe."""

    @property
    def loaded(self) -> LoadedModel:
        """Facts from the moment it was loaded."""

    @property
    def alive(self) -> bool:
        """False as soon as the process has ended or its channel has closed; never True again."""

    def generate(self, request: GenerationRequest) -> PatientStream:
        """Start a request. Raises EngineDied when the worker is not alive, PayloadTooLarge when what the request
        says and shows is more than can be handed over.
        """

    def explain(self, request: GenerationRequest) -> PromptExplanation:
        """What is remembered of its prompt; nothing is generated. Blocks until the engine looks, between two steps;
        running requests go on as before. Raises EngineDied; what a stream of this request would raise for a prompt that
        cannot be made (InvalidRequest and its kind, GenerationFailed).
        """

    def embed(self, request: EmbeddingRequest) -> PendingAnswer[Embeddings]:
        """Of a worker that was loaded to embed. Raises EngineDied when it is not alive, PayloadTooLarge when the
        request is more than can be handed over. The answer also raises ContextLengthExceeded naming an input,
        InvalidRequest and its kind, GenerationFailed.
        """

    def rerank(self, request: RerankRequest) -> PendingAnswer[RerankScores]:
        """As `embed`, of a worker that was loaded to rerank."""

    def transcribe(self, request: TranscriptionRequest) -> PatientEvents[HearingEvent]:
        """Of a worker that was loaded to transcribe. Raises as `generate` does; so do its events, and InvalidMedia,
        DependencyMissing, CapabilityMismatch, DeadlineMissed.
        """

    def speak(self, request: SpeechRequest) -> PatientEvents[SpeechEvent]:
        """As `transcribe`, of a worker that was loaded to speak."""

    @property
    def busy(self) -> bool:
        """Whether it has been asked something that it has not answered; vitals do not count."""

    def ask_vitals(self, answer: Callable[[EngineVitals], None]) -> None:
        """Ask the engine how it is. Returns at once, whatever state the process is in, and raises nothing; where the
        process takes nothing off its line the question may be lost: ask again. answer: quick and raising nothing;
        called from any thread, when the engine answers, which it does between two steps; never when the process ends
        first. The latest one is called again, unasked, before a step that may take longer than the engine has told.
        """

    @property
    def death(self) -> DeathCause | None:
        """How it ended, once `alive` is False and the process is gone; None before, and when it was closed."""

    def kill(self, reason: str) -> None:
        """End a process that hangs, at once; returns without waiting for it. Running streams raise EngineDied with the
        reason, a clause. Nothing when it is not alive.
        """

    def close(self) -> None:
        """End the process and wait until it is gone. Running streams raise EngineDied. Idempotent."""


class WorkerLauncher(Protocol):
    """Starts workers; keeps a spare process with its imports done, where it was told to. Thread-safe."""

    def prepare(self) -> None:
        """Start a spare now, for a `launch` that will soon come; nothing when there is one. Raises nothing: what is
        wrong, `launch` will meet.
        """

    def launch(self, model: LocatedModel, options: LoadOptions) -> ModelWorker:
        """Blocks until the model is loaded, the way `options` say.

        Raises ModelLoadFailed, ModelNotRunnable when it cannot be batched, EngineDied when the process ended meanwhile,
        ServerShutdown once the launcher is closed.
        """

    def close(self) -> None:
        """End the spare. Workers already handed out belong to their owners. Idempotent."""
