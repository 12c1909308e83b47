"""From how the user wants a model to be loaded to how it is loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Protocol

from application.catalog.inspect_model import InspectModel
from application.serving.owners_settings import OwnersSettings
from domain.catalog import LocatedModel
from domain.catalog.fitness import require_chat
from domain.errors import InvalidRequest
from domain.serving.load_options import DEFAULT_DRAFT_TOKENS, DEFAULT_KV_GROUP_SIZE, LoadOptions
from domain.serving.load_plan import PLAIN_PLAN, LoadPlan
from domain.serving.load_wishes import LoadWishes
from domain.serving.model_settings import ModelSettings


class Resolver(Protocol):
    """From a name to a model; raises InvalidRequest, ModelNotFound, AmbiguousModel."""

    def execute(self, spec: str) -> LocatedModel: ...


class PlanLoad:
    """find_adapter: from a folder as the user wrote it to an absolute one that holds an adapter; raises InvalidRequest
    for any other.
    """

    def __init__(self, resolve: Resolver, inspect: InspectModel, find_adapter: Callable[[str], PurePath]) -> None:
        self._resolve = resolve
        self._inspect = inspect
        self._find_adapter = find_adapter

    def execute(self, model: LocatedModel, wishes: LoadWishes) -> LoadPlan:  # noqa: ARG002
        """Raises InvalidRequest for values out of range and for what excludes one another; for the draft model
        ModelNotFound, AmbiguousModel, ModelUnhealthy, CapabilityMismatch, ModelNotRunnable.
        """
        _refuse_idle(wishes)
        draft = None
        if wishes.draft_model is not None:
            draft = self._inspect.execute(self._resolve.execute(wishes.draft_model))
            require_chat(draft)
        options = LoadOptions(
            adapter=None if wishes.adapter is None else self._find_adapter(wishes.adapter),
            draft=None if draft is None else draft.location,
            draft_ngram=wishes.draft_ngram or 0,
            draft_tokens=DEFAULT_DRAFT_TOKENS if wishes.draft_tokens is None else wishes.draft_tokens,
            kv_bits=wishes.kv_bits,
            kv_group_size=DEFAULT_KV_GROUP_SIZE if wishes.kv_group_size is None else wishes.kv_group_size,
            max_kv_size=wishes.max_kv_size,
            cpu=wishes.cpu,
        )
        return LoadPlan(options, draft)


class PlanServedLoad:
    """As the server's owner has settled for each model. What a model's settings mean is found out once: it must not
    change while the server runs. Thread-safe.
    """

    def __init__(self, plan: PlanLoad, settled: OwnersSettings) -> None:
        self._plan = plan
        self._settled = settled
        self._guard = threading.Lock()
        self._made: dict[tuple[str, ModelSettings], LoadPlan] = {}

    def execute(self, model: LocatedModel, wishes: LoadWishes) -> LoadPlan:  # noqa: ARG002
        """Clients have no wishes of their own. Raises as PlanLoad does."""
        settings = self._settled.of(model)
        with self._guard:
            made = self._made.get((model.identity, settings))
            if made is None:
                made = PLAIN_PLAN if settings.loading.plain else self._plan.execute(model, settings.loading)
                made = replace(
                    made,
                    keeping=self._settled.rules.keeping(settings),
                    max_tokens=settings.max_tokens,
                    force=settings.loading.force,
                )
                self._made[model.identity, settings] = made
            return made


def _refuse_idle(wishes: LoadWishes) -> None:
    """What would change nothing is a mistake that the user should hear of."""
    if wishes.draft_ngram is not None and wishes.draft_ngram < 1:
        raise InvalidRequest(f"--draft-ngram must be at least 1, got {wishes.draft_ngram}")
    if wishes.draft_tokens is not None and wishes.draft_model is None and wishes.draft_ngram is None:
        raise InvalidRequest(
            "--draft-tokens without a draft does nothing", hint="give --draft-model or --draft-ngram too"
        )
    if wishes.kv_group_size is not None and wishes.kv_bits is None:
        raise InvalidRequest("--kv-group-size without --kv-bits does nothing", hint="give --kv-bits too")
