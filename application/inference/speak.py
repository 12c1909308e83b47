"""Say a text aloud, with a model that the user named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from application.inference.answering import Prepared, never
from application.inference.task_models import TaskModels
from domain.catalog import LocatedModel, ModelReport
from domain.catalog.fitness import require_speak
from domain.inference.speech import SpeechEvent, SpeechRequest
from domain.serving.load_wishes import PLAINLY, LoadWishes
from ports.model_worker import PatientEvents


@dataclass(frozen=True, slots=True)
class SpeechAnswer:
    """model: the one that speaks, whatever it was called. events: read them to the end, or cancel. warning: as in
    ChatAnswer.
    """

    model: LocatedModel
    events: PatientEvents[SpeechEvent]
    warning: str | None = None


class Speak:
    """Thread-safe. models: those that speak. A speech has no deadline but its request's: every piece of it is bounded,
    and an engine that hangs in one is noticed by whoever watches engines.
    """

    def __init__(self, models: TaskModels) -> None:
        self._models = models

    def execute(
        self,
        spec: str,
        request: SpeechRequest,
        *,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> SpeechAnswer:
        """Start a speech; blocks while the model is loaded. given_up: as Chat.execute has it. A worker that dies is
        made good for as long as no piece has been read, and for a request that is not streamed until the end.

        Raises as Chat.execute does; the events raise what ModelWorker.speak says.
        """
        self.check(spec)
        chosen = self._models.chosen(spec, loading)
        events = self._models.events(
            spec, chosen, lambda worker: worker.speak(request), streamed=request.streamed, given_up=given_up
        )
        return SpeechAnswer(chosen.report.location, events, chosen.warning)

    def check(self, spec: str) -> ModelReport:
        """Whether the model could; nothing is loaded. Raises ModelNotFound, AmbiguousModel, InvalidRequest,
        ModelUnhealthy, CapabilityMismatch, ModelNotRunnable.
        """
        report = self._models.look_up(spec)
        require_speak(report)
        return report

    def at_hand(self, spec: str) -> bool:
        """Whether a request would not wait for the model. Raises as `check` does."""
        return self._models.at_hand(self._models.chosen(spec))

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        """Load the model ahead of its first request. Raises as `execute` does."""
        return self._models.prepare(spec, loading)

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
        """As `prepare`, for somebody who asks for that alone. pinned, given_up: as ModelPool.preload has them."""
        return self._models.prepare(spec, PLAINLY, pinned=pinned, given_up=given_up)
