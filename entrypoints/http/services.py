"""What the HTTP entrypoint asks of the application. The container provides it; tests hand in a small fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from application.inference.chat import ChatAnswer, Prepared
from application.inference.explain_prompt import ExplainedPrompt
from application.serving.presence import Introduction, Whereabouts
from application.serving.readiness import Readiness, ServerState
from domain.catalog import ModelReport
from domain.inference import GenerationRequest
from ports.hub import ModelHub


class ChatUseCase(Protocol):
    """application.inference.chat.Chat."""

    def execute(
        self, spec: str, request: GenerationRequest, *, streamed: bool = True, given_up: Callable[[], bool] = ...
    ) -> ChatAnswer: ...

    def prepare(self, spec: str) -> Prepared: ...


class CheckReadinessUseCase(Protocol):
    """application.serving.readiness.CheckReadiness."""

    def execute(self) -> Readiness: ...


class ListServedModelsUseCase(Protocol):
    """application.serving.served_models.ListServedModels."""

    def execute(self) -> tuple[ModelReport, ...]: ...


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
        self, load_token: str, request: GenerationRequest, *, streamed: bool = True, given_up: Callable[[], bool] = ...
    ) -> ChatAnswer: ...


class ExplainPromptUseCase(Protocol):
    """application.inference.explain_prompt.ExplainPrompt."""

    def execute(self, spec: str, request: GenerationRequest, load_token: str | None = None) -> ExplainedPrompt: ...


class PresenceUseCase(Protocol):
    """application.serving.presence.Presence."""

    def begin(self, where: Whereabouts, requests: Callable[[], int]) -> None: ...

    def fade(self) -> None: ...

    def end(self) -> None: ...

    def introduce(self, challenge: str) -> Introduction: ...


class Services(Protocol):
    """Providers, called for each use; thread-safe."""

    def chat(self) -> ChatUseCase: ...

    def chat_loaded(self) -> ChatLoadedUseCase: ...

    def explain_prompt(self) -> ExplainPromptUseCase: ...

    def presence(self) -> PresenceUseCase: ...

    def check_readiness(self) -> CheckReadinessUseCase: ...

    def list_served_models(self) -> ListServedModelsUseCase: ...

    def lifecycle(self) -> Lifecycle: ...

    def model_pool(self) -> Pool: ...

    def shared_hub(self) -> ModelHub: ...
