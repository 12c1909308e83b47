"""What front and worker say to each other, and the worker's end of the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.catalog import LocatedModel
from domain.errors import MlxkError
from domain.inference import GenerationEvent, GenerationRequest
from domain.inference.embedding import EmbeddingRequest, RerankRequest, RerankScores
from domain.inference.speech import SpeechEvent, SpeechRequest
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from domain.serving.load_options import LoadOptions
from domain.serving.prompt_explanation import PromptExplanation
from domain.serving.vitals import EngineVitals
from ports.model_worker import LoadedModel


@dataclass(frozen=True, slots=True)
class VectorsDone:
    """All vectors of a request have been sent. prompt_tokens: read for them."""

    prompt_tokens: int


WholeEvent = PromptExplanation | VectorsDone | RerankScores
SoundEvent = HearingEvent | SpeechEvent
RequestEvent = tuple[int, GenerationEvent | WholeEvent | SoundEvent | MlxkError]
"""A request's id and what happened to it. Of a request that was started: deltas any number of times, then Finished or
one error. Of one that was to be explained: its explanation or one error. Of texts to be embedded: VectorsDone, after
all their VectorsMade, or one error; of documents to be reranked: their scores or one error. Of a sound to be heard or a
text to be spoken: as of one that was started, ending with Transcription or Spoken; a SpeechPiece goes as SpeechMade.
"""

OUT_OF_MEMORY = 71
"""A worker's exit code when Python says that memory has run out."""


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Front to worker, once: load this model and answer ModelLoaded or LoadFailed."""

    model: LocatedModel
    options: LoadOptions = field(default_factory=LoadOptions)


@dataclass(frozen=True, slots=True)
class StartRequest:
    """Front to worker, after ModelLoaded. request_id: never used twice on one channel."""

    request_id: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class ExplainPrompt:
    """Front to worker, after ModelLoaded: what is remembered of this prompt? request_id: as of StartRequest."""

    request_id: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class EmbedTexts:
    """Front to worker, after ModelLoaded, where the task is to embed. request_id: as of StartRequest."""

    request_id: int
    request: EmbeddingRequest


@dataclass(frozen=True, slots=True)
class RerankDocuments:
    """Front to worker, after ModelLoaded, where the task is to rerank. request_id: as of StartRequest."""

    request_id: int
    request: RerankRequest


@dataclass(frozen=True, slots=True)
class HearSound:
    """Front to worker, after ModelLoaded, where the task is to transcribe. request_id: as of StartRequest."""

    request_id: int
    request: TranscriptionRequest


@dataclass(frozen=True, slots=True)
class SpeakText:
    """Front to worker, after ModelLoaded, where the task is to speak. request_id: as of StartRequest."""

    request_id: int
    request: SpeechRequest


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Front to worker: nothing more is wanted of this request. Unknown ids are no error."""

    request_id: int


@dataclass(frozen=True, slots=True)
class AskVitals:
    """Front to worker, after ModelLoaded: how is the engine? Answered between two of its steps, behind all that it said
    before, so that an engine or a text thread that hangs answers nothing.
    """


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """Worker to front, first of all. The protocol's version travels with it."""

    process_id: int


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """Worker to front: ready for requests."""

    facts: LoadedModel


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """Worker to front: the model cannot be loaded; the worker ends."""

    error: MlxkError


@dataclass(frozen=True, slots=True)
class RequestEvents:
    """Worker to front: what one engine step brought to all its requests."""

    events: Sequence[RequestEvent]


@dataclass(frozen=True, slots=True)
class VectorsMade:
    """Worker to front: some of a request's vectors, in any order. at: places of their inputs. data: their numbers, one
    vector after another, as Vector has them; all of one length.
    """

    request_id: int
    at: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class SpeechMade:
    """Worker to front: the next piece of a request's speech, as SpeechPiece has it."""

    request_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TellVitals:
    """Worker to front: the answer to all AskVitals so far."""

    vitals: EngineVitals


Question = StartRequest | ExplainPrompt | EmbedTexts | RerankDocuments | HearSound | SpeakText
Command = LoadModel | Question | CancelRequest | AskVitals
Reply = WorkerStarted | ModelLoaded | LoadFailed | RequestEvents | VectorsMade | SpeechMade | TellVitals


class WorkerChannel(Protocol):
    """The worker's end. One thread receives; `send` from any thread, whole replies in the order of the calls."""

    def receive(self) -> Command | None:
        """Blocks for the next command; None when the front has gone. Raises InternalError for what is no command."""

    def send(self, reply: Reply) -> None:
        """Blocks until the reply is handed over. Raises BrokenPipeError when the front has gone."""
