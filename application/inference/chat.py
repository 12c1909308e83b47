"""Answer a conversation with a model that the user named."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from application.catalog.inspect_model import InspectModel
from application.inference.answering import ChatAnswer, PatientAnswer, PlanFor, Prepared, Resolver, never
from application.inference.model_loads import REMEMBERED_NAMES, RESOLUTION_SECONDS, ModelLoads
from application.inference.pictures import Onlooker, answer
from application.serving.memory_gate import MemoryGate
from application.serving.model_pool import ModelPool
from domain.catalog import LocatedModel, ModelReport
from domain.catalog.fitness import can_hear, can_see, require_chat
from domain.inference import USUAL_PICTURES, GenerationRequest, PictureRules
from domain.serving.load_plan import PLAIN_PLAN, LoadPlan
from domain.serving.load_wishes import PLAINLY, LoadWishes
from domain.serving.model_load import ModelLoad
from ports.model_worker import PatientStream

__all__ = ["RESOLUTION_SECONDS", "Chat", "ChatAnswer", "Manner", "PatientAnswer", "Prepared", "Resolver", "plainly"]


def plainly(_model: LocatedModel, _wishes: LoadWishes) -> LoadPlan:
    """The default `plan_for`: nothing special."""
    return PLAIN_PLAN


@dataclass(frozen=True, slots=True)
class Manner:
    """plan_for: from wishes to ways of loading; raises what PlanLoad does. pictures: how they are shown where a request
    does not say.
    """

    plan_for: PlanFor = plainly
    pictures: PictureRules = USUAL_PICTURES


USUAL_MANNER = Manner()


class Chat:
    """Thread-safe. clock: monotonic seconds."""

    def __init__(
        self,
        resolve: Resolver,
        inspect: InspectModel,
        pool: ModelPool,
        gate: MemoryGate,
        clock: Callable[[], float],
        manner: Manner = USUAL_MANNER,
    ) -> None:
        self._loads = ModelLoads(resolve, inspect, pool, gate, clock)
        self._pool = pool
        self._plan_for = manner.plan_for
        self._pictures = manner.pictures
        self._guard = threading.Lock()
        self._lately: dict[str, str] = {}  # identities of loads, by the names that were answered with them

    def execute(
        self,
        spec: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
        joining: bool = False,
    ) -> PatientAnswer:
        """Start an answer; blocks while the model is loaded. streamed: events are shown as they come; False lets a
        request survive its worker at any time before the end. loading: how to load it, where it is not loaded that way.
        given_up: asked while the request waits for the model, and after `ModelPool.wake`; true ends the wait with
        Interrupted. joining: as ModelPool.stream has it.

        Raises ModelNotFound, AmbiguousModel, InvalidRequest, ModelUnhealthy, ModelNotRunnable, CapabilityMismatch,
        InsufficientMemory, ModelLoadFailed, ModelSuspended, ServerShutdown; the events raise what GenerationStream
        says.
        """
        report = self._loads.look_up(spec)
        require_chat(report)
        plan = self._plan(report, loading)
        request = replace(request, limits=request.limits.of_model(plan.max_tokens))
        force = loading.force or plan.force
        tokens = request.limits.requested or request.limits.server_default
        load, warning = self._loads.admitted(report, plan, tokens, force=force)
        if load.options.hears and request.brings_sounds:
            self._loads.admit_sounds(report, load, force=force)
        allowance = self._loads.allowance(force=force)

        def ask(part: GenerationRequest) -> PatientStream:
            return self._pool.stream(
                load, part, streamed=streamed, given_up=given_up, allowance=allowance, joining=joining
            )

        with self._loads.forgetting(spec):
            events = answer(request, Onlooker.of(report.name, load.options), self._pictures, ask)
        self._note(spec, load)
        return PatientAnswer(report.location, events, warning)

    def at_hand(self, spec: str) -> bool:
        """Whether a request would most likely not wait for its model: the name was answered with one before that is
        loaded now. Quick; reads nothing.
        """
        with self._guard:
            identity = self._lately.get(spec)
        return identity is not None and any(load.identity == identity for load in self._pool.loads())

    def _note(self, spec: str, load: ModelLoad) -> None:
        with self._guard:
            if len(self._lately) >= REMEMBERED_NAMES:
                self._lately.clear()
            self._lately[spec] = load.identity

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        """Load the model ahead of its first request. Raises as `execute` does."""
        return self._prepare(spec, loading, None, never)

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
        """As `prepare`, for somebody who asks for that alone. pinned, given_up: as ModelPool.preload has them."""
        return self._prepare(spec, PLAINLY, pinned, given_up)

    def _prepare(self, spec: str, wishes: LoadWishes, pinned: bool | None, given_up: Callable[[], bool]) -> Prepared:
        report = self._loads.look_up(spec)
        require_chat(report)
        plan = self._plan(report, wishes)
        force = wishes.force or plan.force
        load, warning = self._loads.admitted(report, plan, None, force=force)
        with self._loads.forgetting(spec):
            loaded = self._pool.preload(
                load, pinned=pinned, given_up=given_up, allowance=self._loads.allowance(force=force)
            )
        return Prepared(report.location, warning, loaded.context_length, load.options.sees, load.options.hears)

    def _plan(self, report: ModelReport, wishes: LoadWishes) -> LoadPlan:
        """A model that can see and hear is loaded with what it does that with."""
        plan = self._plan_for(report.location, wishes)
        if not can_see(report):
            return plan
        return replace(plan, options=replace(plan.options, sees=True, hears=can_hear(report), exif=self._pictures.exif))
