"""Models that answer with vectors or scores, by the names that users give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from application.inference.answering import PlanFor, never
from application.inference.chat import plainly
from application.inference.known_contents import KnownContents
from application.inference.model_loads import ModelLoads
from application.inference.task_models import TaskModels
from application.serving.whole_answer import Asking, T
from domain.catalog import LocatedModel, ModelReport
from domain.inference.fingerprint import system_fingerprint
from domain.serving.load_options import Task
from domain.serving.load_wishes import LoadWishes
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


class VectorModels(TaskModels):
    """TaskModels whose answers come as a whole. contents: what lies in workspaces."""

    def __init__(
        self,
        loads: ModelLoads,
        task: Task,
        require: Callable[[ModelReport], None],
        plan_for: PlanFor = plainly,
        contents: KnownContents | None = None,
    ) -> None:
        super().__init__(loads, task, require, plan_for)
        self._contents = contents or KnownContents()

    def ask(
        self, spec: str, question: Asking[T], loading: LoadWishes, given_up: Callable[[], bool] = never
    ) -> tuple[T, AnsweredBy]:
        """Raises as Chat.execute does, and what the question raises."""
        chosen = self.chosen(spec, loading)
        with self._loads.forgetting(spec):
            answer, loaded = self._loads.pool.ask(
                chosen.load, question, given_up=given_up, allowance=self._loads.allowance(force=chosen.force)
            )
        report = chosen.report
        return answer, AnsweredBy(report.location, loaded, self._contents.hash_of(report, loaded), chosen.warning)

    def has_loaded(self, report: ModelReport, loaded: LoadedModel) -> None:
        """The files are still those that it has read."""
        self._contents.hash_of(report, loaded)
