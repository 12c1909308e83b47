"""The application as the HTTP entrypoint sees it: real pool and real streams over fake workers."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from time import monotonic

from application.catalog.inspect_model import InspectModel
from application.inference.answers_by_task import AnswersByTask
from application.inference.bring_in import BringIn
from application.inference.chat import PatientAnswer, Prepared, plainly
from application.inference.chat_loaded import ChatLoaded
from application.inference.embed import Embed
from application.inference.explain_prompt import ExplainPrompt
from application.inference.hear_as_chat import HearAsChat
from application.inference.model_loads import ModelLoads
from application.inference.pictures import Onlooker, answer
from application.inference.rerank import Rerank
from application.inference.task_models import TaskModels
from application.inference.transcribe import Transcribe
from application.inference.vector_models import VectorModels
from application.serving.describe_server import DescribeServer, Surroundings
from application.serving.manage_models import PreloadModels, UnloadModel
from application.serving.measured import MeasuredPool
from application.serving.memory_gate import MemoryGate
from application.serving.meter import Meter
from application.serving.model_pool import ModelPool, never
from application.serving.presence import Presence
from application.serving.read_metrics import ReadMetrics
from application.serving.readiness import CheckReadiness, ServerLifecycle
from application.serving.served_models import ServedModel
from application.serving.watched_workers import WatchedLauncher
from application.serving.worker_watch import WatchTimes, WorkerWatch
from domain.catalog import LocatedModel, ModelReport, ModelSource
from domain.catalog.fitness import can_see, require_embed, require_rerank, require_transcribe
from domain.errors import CapabilityMismatch, ModelNotFound
from domain.inference import USUAL_PICTURES, GenerationRequest
from domain.serving.load_options import LoadOptions, PrefixCacheBudget, Task
from domain.serving.model_load import ModelLoad
from domain.serving.model_settings import ServingRules
from domain.serving.server_instance import ServerInstance
from mlxk import __version__
from ports.embedding_backend import EmbeddingBackend
from ports.hub import ModelHub
from ports.model_worker import PatientStream
from ports.running_servers import ServerEntry, ServerRegister
from tests.support.fakes.event_worker import EventLauncher
from tests.support.fakes.memory import Machine
from tests.support.fakes.worker import PLAIN_LOAD, PROCESS_ID, FakeWorker, FakeWorkerLauncher, Script

CHANGED = datetime(2026, 5, 17, 12, 0, 0, tzinfo=UTC)
DEMO = "mlxk/demo"
SPEECH = "org/speech"
SLOW = "org/slow"


def served(name: str, source: ModelSource = ModelSource.CACHE, **facts: object) -> ModelReport:
    """A sound chat model."""
    values: dict[str, object] = {
        "size_bytes": 1_000_000,
        "last_modified": CHANGED,
        "framework": "MLX",
        "model_type": "chat",
        "capabilities": ("text-generation", "chat"),
        "healthy": True,
        "health_reason": "Model is healthy",
        "runtime_compatible": True,
        "reason": None,
        "context_length": 512,
        **facts,
    }
    location = LocatedModel(name, PurePosixPath("/models") / name.replace("/", "--"), source)
    return ModelReport(location=location, **values)  # type: ignore[arg-type]


MODELS = (served(DEMO, ModelSource.BUILTIN), served("org/one"), served(SLOW), served("my-work", ModelSource.WORKSPACE))
VECTOR_MODELS = (
    served("org/embedder", model_type="embedding", capabilities=("embeddings",)),
    served("org/reranker", model_type="embedding", capabilities=("rerank",)),
)
EARS = served("org/ears", model_type="audio", capabilities=("audio", "audio-translate-en"))
ONE_LANGUAGE = served("org/ears-turbo", model_type="audio", capabilities=("audio",))


class FakeRegister:
    """ServerRegister that nobody else reads."""

    def __init__(self) -> None:
        self.entries: dict[int, ServerEntry] = {}

    def enter(self, entry: ServerEntry) -> None:
        self.entries[entry.process_id] = entry

    def leave(self, process_id: int) -> None:
        self.entries.pop(process_id, None)


class FakeServices:
    """Services. launcher and pool are open to tests."""

    def __init__(
        self,
        launcher: FakeWorkerLauncher | None = None,
        models: Sequence[ModelReport] = MODELS,
        register: ServerRegister | None = None,
        times: WatchTimes | None = None,
        preload: str | None = None,
    ) -> None:
        """preload: the model that the server is started with."""
        self.preload = preload
        self.launcher = launcher or FakeWorkerLauncher()
        self.models = tuple(models)
        self.times = times or WatchTimes(monotonic)
        self.gauge = Meter(self.times.clock)
        self.watch = WorkerWatch(self.times)
        watched = WatchedLauncher(self.launcher, self.watch, self.gauge.loaded, self.times.clock)
        self.pool = MeasuredPool(watched, budget_bytes=1_000_000_000)
        self.pool.take_times(self.gauge)
        self.watch.revives_by(self.pool.revive)
        self.instance = ServerInstance("a secret")
        self.register = register or FakeRegister()
        self._presence = Presence(self.register, self.pool, self.instance, __version__, lambda: 1.0)
        self._lifecycle = ServerLifecycle()
        self.memory = Machine(1000, 600)
        self.specs: list[str] = []
        self.broken: Exception | None = None
        self.backend: EmbeddingBackend | None = None
        self.table = False

    def chat(self) -> AnswersByTask:
        return AnswersByTask(self, HearAsChat(self.transcribe(), table=self.table))

    def chat_loaded(self) -> ChatLoaded:
        return ChatLoaded(self.pool, self.instance)

    def explain_prompt(self) -> ExplainPrompt:
        return ExplainPrompt(_Located(self._look_up), plainly, self.pool, self.instance)

    def embed(self) -> Embed:
        return Embed(VectorModels(self._model_loads(), Task.EMBED, require_embed))

    def rerank(self) -> Rerank:
        return Rerank(VectorModels(self._model_loads(), Task.RERANK, require_rerank))

    def transcribe(self) -> Transcribe:
        models = TaskModels(self._model_loads(), Task.TRANSCRIBE, require_transcribe)
        return Transcribe(models, monotonic)

    def _model_loads(self) -> ModelLoads:
        return ModelLoads(_Located(self._look_up), _Inspected(self.models), self.pool, _OpenGate(), monotonic)

    def presence(self) -> Presence:
        return self._presence

    def list_served_models(self) -> ServedModels:
        return ServedModels(self.models, self.pool, self._look_up)

    def preload_models(self) -> PreloadModels:
        return PreloadModels(self.bring_in_model(), self.preload, tuple, tuple)

    def bring_in_model(self) -> BringIn:
        others = (self.embed().bring_in, self.rerank().bring_in, self.transcribe().bring_in)
        return BringIn(self._look_up, self.bring_in, *others)

    def resolve_served_model(self) -> _Located:
        return _Located(self._look_up)

    def embedding_backend(self) -> EmbeddingBackend | None:
        return self.backend

    def unload_model(self) -> UnloadModel:
        return UnloadModel(_Located(self._look_up), self.pool)

    def check_readiness(self) -> CheckReadiness:
        return CheckReadiness(self._lifecycle, self.pool, self.watch)

    def read_metrics(self) -> ReadMetrics:
        return ReadMetrics(self.gauge, self.watch, self.pool.standing, NoProcessMemory(), PROCESS_ID)

    def meter(self) -> Meter:
        return self.gauge

    def worker_watch(self) -> WorkerWatch:
        return self.watch

    def describe_server(self) -> DescribeServer:
        around = Surroundings(lambda: {"mlxk": __version__, "mlx": "0.32.4"}, self.memory, lambda: True)
        return DescribeServer(around, 700, PrefixCacheBudget(ram_bytes=10), ServingRules(aliases={"mine": "mlxk/demo"}))

    def lifecycle(self) -> ServerLifecycle:
        return self._lifecycle

    def model_pool(self) -> ModelPool:
        return self.pool

    def shared_hub(self) -> ModelHub:
        raise ModelNotFound("this fake shares nothing")

    def execute(
        self,
        spec: str,
        request: GenerationRequest,
        *,
        streamed: bool = True,
        given_up: Callable[[], bool] = never,
        joining: bool = False,
    ) -> PatientAnswer:
        """application.inference.chat.Chat, but for the resolution of names."""
        self.specs.append(spec)
        if self.broken is not None:
            raise self.broken
        report = self._look_up(spec)
        load = ModelLoad(report.location, report.size_bytes, LoadOptions(sees=can_see(report)))

        def ask(part: GenerationRequest) -> PatientStream:
            return self.pool.stream(load, part, streamed=streamed, given_up=given_up, joining=joining)

        model = Onlooker(report.name, load.options.sees)
        return PatientAnswer(report.location, answer(request, model, USUAL_PICTURES, ask))

    def at_hand(self, spec: str) -> bool:
        return any(spec in (load.model.name, load.model.name.rpartition("/")[2]) for load in self.pool.loads())

    def prepare(self, spec: str) -> Prepared:
        return self.bring_in(spec)

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
        report = self._look_up(spec)
        self.pool.preload(ModelLoad(report.location, report.size_bytes), pinned=pinned, given_up=given_up)
        return Prepared(report.location)

    def _look_up(self, spec: str) -> ModelReport:
        if spec == SPEECH:
            raise CapabilityMismatch(f"{spec} does not write text", param="model")
        for report in self.models:
            if spec in (report.name, report.name.rpartition("/")[2]):
                return report
        raise ModelNotFound(f"no model is called {spec}", hint="`mlxk list` shows them", param="model")


class NoProcessMemory:
    """ProcessMemory where the system tells nothing."""

    def resident_bytes(self, process_ids: Iterable[int]) -> Mapping[int, int]:
        return {}


class _Located:
    """Resolver."""

    def __init__(self, look_up: Callable[[str], ModelReport]) -> None:
        self._look_up = look_up

    def execute(self, spec: str) -> LocatedModel:
        return self._look_up(spec).location


class _Inspected(InspectModel):
    def __init__(self, reports: tuple[ModelReport, ...]) -> None:
        self._reports = reports

    def execute(self, location: LocatedModel) -> ModelReport:
        return next(each for each in self._reports if each.location == location)


class _OpenGate(MemoryGate):
    """There is memory for everything."""

    def __init__(self) -> None:
        pass

    def check(self, *_: object, **__: object) -> None:
        return None

    def allowance(self, *_: object, **__: object) -> None:
        return None


class ServedModels:
    """application.serving.served_models.ListServedModels, over reports instead of a disk."""

    def __init__(
        self, reports: tuple[ModelReport, ...], pool: ModelPool, look_up: Callable[[str], ModelReport]
    ) -> None:
        self._reports = reports
        self._pool = pool
        self._look_up = look_up

    def execute(self) -> tuple[ServedModel, ...]:
        return tuple(self.of(each.location) for each in self._reports)

    def one(self, spec: str) -> ServedModel:
        return self.of(self._look_up(spec).location)

    def of(self, location: LocatedModel) -> ServedModel:
        (report,) = [each for each in self._reports if each.location == location]
        for each in self._pool.standing():
            if each.model_identity == location.identity:
                return ServedModel(report, each.state, each.memory_bytes, each.pinned)
        return ServedModel(report)


class ChildLauncher(EventLauncher):
    """Fake workers with a real child process each, which ends when its pipe closes or its worker is closed.

    gate: models called `slow` are loaded once it is set.
    """

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.children: list[subprocess.Popen[bytes]] = []
        self.gate = threading.Event()

    def launch(self, model: LocatedModel, options: LoadOptions = PLAIN_LOAD) -> FakeWorker:
        worker = super().launch(model, options)
        if model.name == SLOW:
            self.gate.wait()
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.children.append(child)
        close = worker.close

        def close_both() -> None:
            close()
            child.kill()
            child.communicate()

        worker.close = close_both  # type: ignore[method-assign]
        return worker
