"""Workers that are watched from the moment they are loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from domain.catalog import LocatedModel
from domain.inference import GenerationRequest
from domain.inference.embedding import EmbeddingRequest, Embeddings, RerankRequest, RerankScores
from domain.inference.speech import SpeechEvent, SpeechRequest
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from domain.serving.load_options import LoadOptions
from domain.serving.prompt_explanation import PromptExplanation
from domain.serving.vitals import EngineVitals
from domain.serving.worker_death import DeathCause
from ports.model_worker import LoadedModel, ModelWorker, PatientEvents, PatientStream, PendingAnswer, WorkerLauncher


class Watcher(Protocol):
    """application.serving.worker_watch.WorkerWatch."""

    def add(self, worker: WatchedWorker) -> None: ...

    def drop(self, worker: WatchedWorker, cause: DeathCause | None) -> None: ...

    def stir(self) -> None: ...


class WatchedWorker:
    """ModelWorker: another one, whose watcher hears of its requests and of its end."""

    def __init__(self, worker: ModelWorker, watcher: Watcher) -> None:
        self._worker = worker
        self._watcher = watcher

    @property
    def loaded(self) -> LoadedModel:
        return self._worker.loaded

    @property
    def alive(self) -> bool:
        return self._worker.alive

    @property
    def busy(self) -> bool:
        return self._worker.busy

    @property
    def death(self) -> DeathCause | None:
        return self._worker.death

    def generate(self, request: GenerationRequest) -> PatientStream:
        stream = self._worker.generate(request)
        self._watcher.stir()
        return stream

    def explain(self, request: GenerationRequest) -> PromptExplanation:
        self._watcher.stir()
        return self._worker.explain(request)

    def embed(self, request: EmbeddingRequest) -> PendingAnswer[Embeddings]:
        pending = self._worker.embed(request)
        self._watcher.stir()
        return pending

    def rerank(self, request: RerankRequest) -> PendingAnswer[RerankScores]:
        pending = self._worker.rerank(request)
        self._watcher.stir()
        return pending

    def transcribe(self, request: TranscriptionRequest) -> PatientEvents[HearingEvent]:
        stream = self._worker.transcribe(request)
        self._watcher.stir()
        return stream

    def speak(self, request: SpeechRequest) -> PatientEvents[SpeechEvent]:
        stream = self._worker.speak(request)
        self._watcher.stir()
        return stream

    def ask_vitals(self, answer: Callable[[EngineVitals], None]) -> None:
        self._worker.ask_vitals(answer)

    def kill(self, reason: str) -> None:
        self._worker.kill(reason)

    def close(self) -> None:
        self._worker.close()
        self._watcher.drop(self, self._worker.death)


class WatchedLauncher:
    """WorkerLauncher: another one's workers, watched. on_load: hears how many seconds each load took, and whether it
    failed. clock: monotonic seconds.
    """

    def __init__(
        self,
        launcher: WorkerLauncher,
        watcher: Watcher,
        on_load: Callable[[str, float, bool], None],
        clock: Callable[[], float],
    ) -> None:
        self._launcher = launcher
        self._watcher = watcher
        self._on_load = on_load
        self._clock = clock

    def prepare(self) -> None:
        self._launcher.prepare()

    def launch(self, model: LocatedModel, options: LoadOptions) -> WatchedWorker:
        began = self._clock()
        loaded = False
        try:
            worker = WatchedWorker(self._launcher.launch(model, options), self._watcher)
            loaded = True
        finally:
            self._on_load(model.name, self._clock() - began, loaded)
        self._watcher.add(worker)
        return worker

    def close(self) -> None:
        self._launcher.close()
