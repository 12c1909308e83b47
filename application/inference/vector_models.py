"""Models that answer with vectors or scores, by the names that users give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from application.inference.answering import PlanFor, Prepared, never
from application.inference.chat import plainly
from application.inference.known_contents import KnownContents
from application.inference.model_loads import ModelLoads
from application.serving.whole_answer import Asking, T
from domain.catalog import LocatedModel, ModelReport
from domain.errors import InvalidRequest
from domain.inference.fingerprint import system_fingerprint
from domain.serving.load_options import LoadOptions, Task
from domain.serving.load_plan import LoadPlan
from domain.serving.load_wishes import LoadWishes
from domain.serving.model_load import ModelLoad
from ports.model_worker import LoadedModel


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """model: whatever it was called. loaded: what its worker says of itself. content_hash: of a managed workspace as it
    was loaded, else None. warning: what the user should know, when this request loaded a model that takes most of the
    memory.
    """

    model: LocatedModel
    loaded: LoadedModel
    content_hash: str | None = None
    warning: str | None = None

    @property
    def device(self) -> str:
        return self.loaded.device

    @property
    def fingerprint(self) -> str:
        return system_fingerprint(self.model, self.content_hash, self.device)


class VectorModels:
    """Thread-safe. task: what its models are loaded for. require: raises for a model that cannot do that. plan_for: how
    a model is kept and loaded; raises what PlanLoad does. contents: what lies in workspaces.
    """

    def __init__(
        self,
        loads: ModelLoads,
        task: Task,
        require: Callable[[ModelReport], None],
        plan_for: PlanFor = plainly,
        contents: KnownContents | None = None,
    ) -> None:
        self._loads = loads
        self._task = task
        self._require = require
        self._plan_for = plan_for
        self._contents = contents or KnownContents()

    def ask(
        self, spec: str, question: Asking[T], loading: LoadWishes, given_up: Callable[[], bool] = never
    ) -> tuple[T, AnsweredBy]:
        """Raises as Chat.execute does, and what the question raises."""
        report, load, warning, force = self._load(spec, loading)
        with self._loads.forgetting(spec):
            answer, loaded = self._loads.pool.ask(
                load, question, given_up=given_up, allowance=self._loads.allowance(force=force)
            )
        return answer, AnsweredBy(report.location, loaded, self._contents.hash_of(report, loaded), warning)

    def prepare(
        self,
        spec: str,
        loading: LoadWishes,
        *,
        pinned: bool | None = None,
        given_up: Callable[[], bool] = never,
    ) -> Prepared:
        """Load the model ahead of its first request. Raises as `ask` does."""
        report, load, warning, force = self._load(spec, loading)
        with self._loads.forgetting(spec):
            loaded = self._loads.pool.preload(
                load, pinned=pinned, given_up=given_up, allowance=self._loads.allowance(force=force)
            )
        self._contents.hash_of(report, loaded)  # the files are still those that it has read
        return Prepared(report.location, warning, loaded.context_length, sees=False)

    def _load(self, spec: str, loading: LoadWishes) -> tuple[ModelReport, ModelLoad, str | None, bool]:
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
        return report, load, warning, force
