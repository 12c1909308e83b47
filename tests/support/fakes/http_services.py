"""The application as the HTTP entrypoint sees it: real pool and real streams over fake workers."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from application.inference.chat import PatientAnswer, Prepared, plainly
from application.inference.chat_loaded import ChatLoaded
from application.inference.explain_prompt import ExplainPrompt
from application.serving.model_pool import ModelPool, never
from application.serving.presence import Presence
from application.serving.readiness import CheckReadiness, ServerLifecycle
from domain.catalog import LocatedModel, ModelReport, ModelSource
from domain.errors import CapabilityMismatch, ModelNotFound
from domain.inference import GenerationRequest
from domain.serving.load_options import LoadOptions
from domain.serving.model_load import ModelLoad
from domain.serving.server_instance import ServerInstance
from mlxk import __version__
from ports.hub import ModelHub
from ports.running_servers import ServerEntry, ServerRegister
from tests.support.fakes.event_worker import EventLauncher
from tests.support.fakes.worker import PLAIN_LOAD, FakeWorker, FakeWorkerLauncher, Script

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
    ) -> None:
        self.launcher = launcher or FakeWorkerLauncher()
        self.models = tuple(models)
        self.pool = ModelPool(self.launcher, budget_bytes=1_000_000_000)
        self.instance = ServerInstance("a secret")
        self.register = register or FakeRegister()
        self._presence = Presence(self.register, self.pool, self.instance, __version__, lambda: 1.0)
        self._lifecycle = ServerLifecycle()
        self.specs: list[str] = []
        self.broken: Exception | None = None

    def chat(self) -> FakeServices:
        return self

    def chat_loaded(self) -> ChatLoaded:
        return ChatLoaded(self.pool, self.instance)

    def explain_prompt(self) -> ExplainPrompt:
        return ExplainPrompt(_Located(self._look_up), plainly, self.pool, self.instance)

    def presence(self) -> Presence:
        return self._presence

    def list_served_models(self) -> ServedModels:
        return ServedModels(self.models)

    def check_readiness(self) -> CheckReadiness:
        return CheckReadiness(self._lifecycle, self.pool)

    def lifecycle(self) -> ServerLifecycle:
        return self._lifecycle

    def model_pool(self) -> ModelPool:
        return self.pool

    def shared_hub(self) -> ModelHub:
        raise ModelNotFound("this fake shares nothing")

    def execute(
        self, spec: str, request: GenerationRequest, *, streamed: bool = True, given_up: Callable[[], bool] = never
    ) -> PatientAnswer:
        """application.inference.chat.Chat, but for the resolution of names."""
        self.specs.append(spec)
        if self.broken is not None:
            raise self.broken
        report = self._look_up(spec)
        events = self.pool.stream(
            ModelLoad(report.location, report.size_bytes), request, streamed=streamed, given_up=given_up
        )
        return PatientAnswer(report.location, events)

    def at_hand(self, spec: str) -> bool:
        return any(spec in (load.model.name, load.model.name.rpartition("/")[2]) for load in self.pool.loads())

    def prepare(self, spec: str) -> Prepared:
        report = self._look_up(spec)
        self.pool.preload(ModelLoad(report.location, report.size_bytes))
        return Prepared(report.location)

    def _look_up(self, spec: str) -> ModelReport:
        if spec == SPEECH:
            raise CapabilityMismatch(f"{spec} does not write text", param="model")
        for report in self.models:
            if spec in (report.name, report.name.rpartition("/")[2]):
                return report
        raise ModelNotFound(f"no model is called {spec}", hint="`mlxk list` shows them", param="model")


class _Located:
    """Resolver."""

    def __init__(self, look_up: Callable[[str], ModelReport]) -> None:
        self._look_up = look_up

    def execute(self, spec: str) -> LocatedModel:
        return self._look_up(spec).location


class ServedModels:
    def __init__(self, reports: tuple[ModelReport, ...]) -> None:
        self._reports = reports

    def execute(self) -> tuple[ModelReport, ...]:
        return self._reports


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
