"""Answer a conversation with a model that is loaded, named by the way it was loaded."""

from __future__ import annotations

from collections.abc import Callable

from application.inference.answering import PatientAnswer, never
from application.inference.pictures import Onlooker, answer
from application.serving.model_pool import ModelPool
from domain.errors import ModelNotFound
from domain.inference import USUAL_PICTURES, GenerationRequest, PictureRules
from domain.serving.model_load import ModelLoad
from domain.serving.server_instance import ServerInstance
from ports.model_worker import PatientStream


class ChatLoaded:
    """Thread-safe. For commands that have found this server (application/inference/find_server.py). pictures: as
    Chat's.
    """

    def __init__(self, pool: ModelPool, instance: ServerInstance, pictures: PictureRules = USUAL_PICTURES) -> None:
        self._pool = pool
        self._instance = instance
        self._pictures = pictures

    def execute(
        self,
        load_token: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        given_up: Callable[[], bool] = never,
        joining: bool = False,
    ) -> PatientAnswer:
        """As Chat.execute. Raises ModelNotFound when nothing is loaded that way."""
        load = self._load(load_token)

        def ask(part: GenerationRequest) -> PatientStream:
            return self._pool.stream(load, part, streamed=streamed, given_up=given_up, joining=joining)

        model = Onlooker.of(load.model.name, load.options)
        return PatientAnswer(load.model, answer(request, model, self._pictures, ask))

    def _load(self, load_token: str) -> ModelLoad:
        for load in self._pool.loads():
            if self._instance.load_token(load.identity) == load_token:
                return load
        raise ModelNotFound("this server holds no model loaded that way", hint="name the model", param="mlxk.loaded")
