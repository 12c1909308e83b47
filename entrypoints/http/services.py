"""What the HTTP entrypoint asks of the application. The container provides it; tests hand in a small fake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from application.inference.chat import PatientAnswer, Prepared
from application.inference.embed import EmbeddingAnswer
from application.inference.explain_prompt import ExplainedPrompt
from application.inference.rerank import RerankAnswer
from application.inference.transcribe import HearingAnswer
from application.serving.describe_server import ServerFacts
from application.serving.manage_models import UnloadedModel
from application.serving.presence import Introduction, Whereabouts
from application.serving.readiness import Readiness, ServerState
from application.serving.served_models import ServedModel
from domain.catalog import LocatedModel, ModelReport
from domain.inference import GenerationRequest
from domain.inference.embedding import EmbeddingRequest, RerankRequest
from domain.inference.transcription import HearingTask, TranscriptionRequest
from domain.serving.metrics import MetricFamily
from ports.embedding_backend import EmbeddingBackend
from ports.hub import ModelHub


class ChatUseCase(Protocol):
    """application.inference.chat.Chat."""

    def execute(
        self,
        spec: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        given_up: Callable[[], bool] = ...,
        joining: bool = False,
    ) -> PatientAnswer: ...

    def at_hand(self, spec: str) -> bool: ...


class BringInUseCase(Protocol):
    """application.inference.bring_in.BringIn."""

    def execute(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = ...) -> Prepared: ...


class ResolveUseCase(Protocol):
    """application.serving.served_models.ResolveServedModel."""

    def execute(self, spec: str) -> LocatedModel: ...


class CheckReadinessUseCase(Protocol):
    """application.serving.readiness.CheckReadiness."""

    def execute(self) -> Readiness: ...


class ReadMetricsUseCase(Protocol):
    """application.serving.read_metrics.ReadMetrics."""

    def execute(self) -> Sequence[MetricFamily]: ...


class RequestMeter(Protocol):
    """application.serving.meter.Meter."""

    def request(self, method: str, route: str, status: int) -> None: ...

    def rejected(self, code: str) -> None: ...


class Watch(Protocol):
    """application.serving.worker_watch.WorkerWatch."""

    def close(self) -> None: ...


class ListServedModelsUseCase(Protocol):
    """application.serving.served_models.ListServedModels."""

    def execute(self) -> tuple[ServedModel, ...]: ...

    def one(self, spec: str) -> ServedModel: ...

    def of(self, location: LocatedModel) -> ServedModel: ...


class PreloadModelsUseCase(Protocol):
    """application.serving.manage_models.PreloadModels."""

    def execute(self, warn: Callable[[str], None]) -> tuple[str, ...]: ...


class UnloadModelUseCase(Protocol):
    """application.serving.manage_models.UnloadModel."""

    def execute(self, spec: str, *, force: bool = False, given_up: Callable[[], bool] = ...) -> UnloadedModel: ...


class DescribeServerUseCase(Protocol):
    """application.serving.describe_server.DescribeServer."""

    def execute(self) -> ServerFacts: ...


class Lifecycle(Protocol):
    """application.serving.readiness.ServerLifecycle."""

    def move_to(self, state: ServerState) -> None: ...


class Pool(Protocol):
    """application.serving.model_pool.ModelPool."""

    def wake(self) -> None: ...

    def close(self) -> None: ...


class ChatLoadedUseCase(Protocol):
    """application.inference.chat_loaded.ChatLoaded."""

    def execute(
        self,
        load_token: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        given_up: Callable[[], bool] = ...,
        joining: bool = False,
    ) -> PatientAnswer: ...


class EmbedUseCase(Protocol):
    """application.inference.embed.Embed."""

    def execute(
        self, spec: str, request: EmbeddingRequest, *, given_up: Callable[[], bool] = ...
    ) -> EmbeddingAnswer: ...

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = ...) -> Prepared: ...


class RerankUseCase(Protocol):
    """application.inference.rerank.Rerank."""

    def execute(self, spec: str, request: RerankRequest, *, given_up: Callable[[], bool] = ...) -> RerankAnswer: ...

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = ...) -> Prepared: ...


class TranscribeUseCase(Protocol):
    """application.inference.transcribe.Transcribe."""

    def execute(
        self, spec: str, request: TranscriptionRequest, *, streamed: bool = True, given_up: Callable[[], bool] = ...
    ) -> HearingAnswer: ...

    def check(self, spec: str, task: HearingTask = ...) -> ModelReport: ...

    def at_hand(self, spec: str) -> bool: ...

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = ...) -> Prepared: ...


class ExplainPromptUseCase(Protocol):
    """application.inference.explain_prompt.ExplainPrompt."""

    def execute(self, spec: str, request: GenerationRequest, load_token: str | None = None) -> ExplainedPrompt: ...


class PresenceUseCase(Protocol):
    """application.serving.presence.Presence."""

    def begin(self, where: Whereabouts, requests: Callable[[], int]) -> None: ...

    def fade(self) -> None: ...

    def end(self) -> None: ...

    def introduce(self, challenge: str) -> Introduction: ...

    def admits(self, offered: str, nonce: str, method: str, path: str) -> bool: ...


class Services(Protocol):
    """Providers, called for each use; thread-safe."""

    def chat(self) -> ChatUseCase: ...

    def chat_loaded(self) -> ChatLoadedUseCase: ...

    def embedding_backend(self) -> EmbeddingBackend | None: ...

    def bring_in_model(self) -> BringInUseCase: ...

    def resolve_served_model(self) -> ResolveUseCase: ...

    def explain_prompt(self) -> ExplainPromptUseCase: ...

    def embed(self) -> EmbedUseCase: ...

    def rerank(self) -> RerankUseCase: ...

    def transcribe(self) -> TranscribeUseCase: ...

    def presence(self) -> PresenceUseCase: ...

    def check_readiness(self) -> CheckReadinessUseCase: ...

    def read_metrics(self) -> ReadMetricsUseCase: ...

    def meter(self) -> RequestMeter: ...

    def worker_watch(self) -> Watch: ...

    def list_served_models(self) -> ListServedModelsUseCase: ...

    def preload_models(self) -> PreloadModelsUseCase: ...

    def unload_model(self) -> UnloadModelUseCase: ...

    def describe_server(self) -> DescribeServerUseCase: ...

    def lifecycle(self) -> Lifecycle: ...

    def model_pool(self) -> Pool: ...

    def shared_hub(self) -> ModelHub: ...
