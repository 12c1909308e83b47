"""Write down what is said in a sound, with a model that the user named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from application.inference.answering import Prepared, never
from application.inference.task_models import TaskModels
from application.serving.deadline_stream import DeadlineStream
from domain.catalog import LocatedModel, ModelReport
from domain.catalog.fitness import only_hears, require_transcribe, require_translate
from domain.inference.transcription import HearingEvent, HearingTask, TranscriptionRequest
from domain.serving.load_wishes import PLAINLY, LoadWishes
from ports.model_worker import ModelWorker, PatientEvents


@dataclass(frozen=True, slots=True)
class HearingAnswer:
    """model: the one that answers, whatever it was called. events: read them to the end, or cancel. warning: as in
    ChatAnswer.
    """

    model: LocatedModel
    events: PatientEvents[HearingEvent]
    warning: str | None = None


class Transcribe:
    """Thread-safe. models: those that hear. clock: monotonic seconds. allowed_seconds: for requests that name no
    deadline of their own; None is the usual one (domain/inference/hearing_deadline.py).
    """

    def __init__(self, models: TaskModels, clock: Callable[[], float], allowed_seconds: float | None = None) -> None:
        self._models = models
        self._clock = clock
        self._allowed_seconds = allowed_seconds

    def execute(
        self,
        spec: str,
        request: TranscriptionRequest,
        *,
        streamed: bool = True,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> HearingAnswer:
        """Start a transcription; blocks while the model is loaded. streamed, given_up: as Chat.execute has them.

        Raises as Chat.execute does, and CannotTranslate; the events raise what ModelWorker.transcribe says, and
        DeadlineMissed however the engine fares.
        """
        self.check(spec, request.task)
        chosen = self._models.chosen(spec, loading)
        allowed = self._allowed_seconds if request.deadline_seconds is None else request.deadline_seconds
        asked = replace(request, deadline_seconds=allowed)

        def ask(worker: ModelWorker) -> PatientEvents[HearingEvent]:
            return DeadlineStream(worker.transcribe(asked), worker, self._clock, allowed)

        events = self._models.events(spec, chosen, ask, streamed=streamed, given_up=given_up)
        return HearingAnswer(chosen.report.location, events, chosen.warning)

    def check(self, spec: str, task: HearingTask = HearingTask.TRANSCRIBE) -> ModelReport:
        """Whether the model could; nothing is loaded. Raises ModelNotFound, AmbiguousModel, InvalidRequest,
        ModelUnhealthy, CapabilityMismatch, ModelNotRunnable, CannotTranslate.
        """
        report = self._models.look_up(spec)
        require_transcribe(report)
        if task is HearingTask.TRANSLATE:
            require_translate(report)
        return report

    def only_hears(self, spec: str) -> bool:
        """Whether the model is one of those. Raises as a look-up does."""
        return only_hears(self._models.look_up(spec))

    def at_hand(self, spec: str) -> bool:
        """Whether a request would not wait for the model. Raises as `check` does."""
        return self._models.at_hand(self._models.chosen(spec))

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        """Load the model ahead of its first request. Raises as `execute` does."""
        return self._models.prepare(spec, loading)

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
        """As `prepare`, for somebody who asks for that alone. pinned, given_up: as ModelPool.preload has them."""
        return self._models.prepare(spec, PLAINLY, pinned=pinned, given_up=given_up)
