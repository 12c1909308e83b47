"""Models that are loaded for one task alone, by the names that users give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from application.inference.answering import PlanFor, Prepared, never
from application.inference.chat import plainly
from application.inference.model_loads import ModelLoads
from application.serving.replay import E
from domain.catalog import ModelReport
from domain.errors import InvalidRequest
from domain.serving.load_options import LoadOptions, Task
from domain.serving.load_plan import LoadPlan
from domain.serving.load_wishes import PLAINLY, LoadWishes
from domain.serving.model_load import ModelLoad
from ports.model_worker import LoadedModel, ModelWorker, PatientEvents


@dataclass(frozen=True, slots=True)
class TaskLoad:
    """What a request will be answered with. force: whatever the memory says. warning: as in ChatAnswer."""

    report: ModelReport
    load: ModelLoad
    force: bool
    warning: str | None


class TaskModels:
    """Thread-safe. task: what its models are loaded for. require: raises for a model that cannot do that. plan_for: how
    a model is kept and loaded; raises what PlanLoad does.
    """

    def __init__(
        self,
        loads: ModelLoads,
        task: Task,
        require: Callable[[ModelReport], None],
        plan_for: PlanFor = plainly,
    ) -> None:
        self._loads = loads
        self._task = task
        self._require = require
        self._plan_for = plan_for

    def look_up(self, spec: str) -> ModelReport:
        """Raises ModelNotFound, AmbiguousModel, InvalidRequest."""
        return self._loads.look_up(spec)

    def chosen(self, spec: str, loading: LoadWishes = PLAINLY) -> TaskLoad:
        """Raises as Chat.execute does, before anything is loaded."""
        report = self._loads.look_up(spec)
        self._require(report)
        plan = self._plan_for(report.location, loading)
        if given := plan.options.of_text_only:
            raise InvalidRequest(
                f"{given[0]} cannot be used with {report.name}, which writes no text", hint="leave it out"
            )
        plan = LoadPlan(LoadOptions(task=self._task, cpu=plan.options.cpu), keeping=plan.keeping, force=plan.force)
        force = loading.force or plan.force
        load, warning = self._loads.admitted(report, plan, None, force=force)
        return TaskLoad(report, load, force, warning)

    def events(
        self,
        spec: str,
        chosen: TaskLoad,
        ask: Callable[[ModelWorker], PatientEvents[E]],
        *,
        streamed: bool,
        given_up: Callable[[], bool] = never,
    ) -> PatientEvents[E]:
        """What its worker says; blocks and raises as ModelPool.events does."""
        allowance = self._loads.allowance(force=chosen.force)
        with self._loads.forgetting(spec):
            return self._loads.pool.events(chosen.load, ask, streamed=streamed, given_up=given_up, allowance=allowance)

    def at_hand(self, chosen: TaskLoad) -> bool:
        """Whether it is loaded now: a request does not wait for it. Quick."""
        return any(load.identity == chosen.load.identity for load in self._loads.pool.loads())

    def prepare(
        self,
        spec: str,
        loading: LoadWishes,
        *,
        pinned: bool | None = None,
        given_up: Callable[[], bool] = never,
    ) -> Prepared:
        """Load the model ahead of its first request. Raises as `chosen` and ModelPool.preload do."""
        chosen = self.chosen(spec, loading)
        with self._loads.forgetting(spec):
            loaded = self._loads.pool.preload(
                chosen.load, pinned=pinned, given_up=given_up, allowance=self._loads.allowance(force=chosen.force)
            )
        self.has_loaded(chosen.report, loaded)
        return Prepared(chosen.report.location, chosen.warning, loaded.context_length, sees=False)

    def has_loaded(self, report: ModelReport, loaded: LoadedModel) -> None:
        """For those who note what lay in the folder then."""
