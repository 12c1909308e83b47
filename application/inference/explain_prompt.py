"""What a loaded model remembers of a prompt, and where the prompt leaves that."""

from __future__ import annotations

from dataclasses import dataclass

from application.inference.answering import PlanFor, Resolver
from application.inference.pictures import Onlooker, as_shown
from application.serving.model_pool import ModelPool
from domain.catalog import LocatedModel
from domain.errors import ModelNotFound
from domain.inference import USUAL_PICTURES, GenerationRequest, PictureRules
from domain.serving.load_wishes import PLAINLY
from domain.serving.model_load import ModelLoad
from domain.serving.prompt_explanation import PromptExplanation
from domain.serving.server_instance import ServerInstance


@dataclass(frozen=True, slots=True)
class ExplainedPrompt:
    """model: the one that was asked, whatever it was called."""

    model: LocatedModel
    explanation: PromptExplanation


class ExplainPrompt:
    """Thread-safe. Loads nothing and generates nothing. plan_for: how this server loads a model. pictures: as
    Chat's.
    """

    def __init__(
        self,
        resolve: Resolver,
        plan_for: PlanFor,
        pool: ModelPool,
        instance: ServerInstance,
        pictures: PictureRules = USUAL_PICTURES,
    ) -> None:
        self._resolve = resolve
        self._plan_for = plan_for
        self._pool = pool
        self._instance = instance
        self._pictures = pictures

    def execute(self, spec: str, request: GenerationRequest, load_token: str | None = None) -> ExplainedPrompt:
        """load_token: a loaded model's, which then counts instead of the name.

        Raises ModelNotFound, AmbiguousModel, InvalidRequest, Conflict (the model is not loaded), and what
        ModelWorker.explain does.
        """
        load = self._named(spec) if load_token is None else self._loaded(load_token)
        shown = as_shown(request, Onlooker.of(load.model.name, load.options), self._pictures)
        return ExplainedPrompt(load.model, self._pool.explain(load, shown))

    def _named(self, spec: str) -> ModelLoad:
        model = self._resolve.execute(spec)
        load = ModelLoad(model, 0, self._plan_for(model, PLAINLY).options)
        return next((held for held in self._pool.loads() if held.identity == load.identity), load)

    def _loaded(self, load_token: str) -> ModelLoad:
        for load in self._pool.loads():
            if self._instance.load_token(load.identity) == load_token:
                return load
        raise ModelNotFound("this server holds no model loaded that way", hint="name the model", param="mlxk.loaded")
