"""Answer a conversation with a model that is loaded, named by the way it was loaded."""

from __future__ import annotations

from collections.abc import Callable

from application.inference.answering import PatientAnswer, never
from application.serving.model_pool import ModelPool
from domain.errors import ModelNotFound
from domain.inference import GenerationRequest
from domain.serving.server_instance import ServerInstance


class ChatLoaded:
    """Thread-safe. For commands that have found this server (application/inference/find_server.py)."""

    def __init__(self, pool: ModelPool, instance: ServerInstance) -> None:
        self._pool = pool
        self._instance = instance

    def execute(
        self,
        load_token: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        given_up: Callable[[], bool] = never,
    ) -> PatientAnswer:
        """As Chat.execute. Raises ModelNotFound when nothing is loaded that way."""
        for load in self._pool.loads():
            if self._instance.load_token(load.identity) == load_token:
                events = self._pool.stream(load, request, streamed=streamed, given_up=given_up)
                return PatientAnswer(load.model, events)
        raise ModelNotFound("this server holds no model loaded that way", hint="name the model", param="mlxk.loaded")
