"""The use cases as the command line sees them, with answers of the test's choosing, and a console to read from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from time import monotonic
from typing import TYPE_CHECKING

from adapters.charts.png_chart import PngChart
from adapters.server_client.background import BackgroundLauncher
from adapters.server_client.log_files import LogFiles
from application.bench.run_benchmark import RunBenchmark
from application.catalog.check_health import CheckHealth, HealthEntry, HealthSummary
from application.catalog.inspect_model import InspectModel
from application.catalog.list_models import ListModels, ListQuery
from application.catalog.remove_model import RemoveModel
from application.catalog.resolve_model import ResolveModel
from application.catalog.show_model import FileKind, ModelDetail, ModelFile, ModelMetadata, ShowModel
from application.catalog.stores import ModelStores
from application.hub.find_outdated import FindOutdated
from application.hub.prune_cache import PruneCache
from application.hub.pull_model import PullModel
from application.hub.search_hub import SearchHub
from application.hub.show_remote import ShowRemote
from application.hub.verify_model import VerifyModel
from application.inference.chat import Chat, PatientAnswer, Prepared
from application.inference.embed import Embed, EmbeddingAnswer
from application.inference.find_server import FindServer, ServedChat
from application.inference.hear_as_chat import HearAsChat
from application.inference.load_plan import PlanLoad
from application.inference.model_loads import ModelLoads
from application.inference.rerank import Rerank, RerankAnswer
from application.inference.speak import Speak
from application.inference.task_models import TaskModels
from application.inference.transcribe import Transcribe
from application.serving.background_service import BackgroundService
from application.serving.model_pool import ModelPool, never
from application.serving.prompt_cache import PromptCache
from application.serving.running_servers import RunningServers
from domain.catalog import LocatedModel, ModelReport, ModelSource
from domain.catalog.fitness import require_speak, require_transcribe
from domain.catalog.removal import CacheContents, Removal, RemovalPlan
from domain.errors import Conflict, MlxkError, ModelNotFound
from domain.inference import Finished, FinishReason, GenerationEvent, GenerationRequest, TextDelta, Usage
from domain.inference.embedding import EmbeddingRequest, RerankRequest
from domain.serving.load_options import PrefixCacheBudget, Task
from domain.serving.load_wishes import PLAINLY, LoadWishes
from domain.serving.memory_policy import MemoryForecast
from domain.serving.model_load import ModelLoad
from entrypoints.cli.console import Console
from entrypoints.cli.main import run
from entrypoints.cli.services import Context, Server
from entrypoints.settings import Settings, load_settings
from ports.chart import Chart
from ports.model_worker import WorkerLauncher
from tests.support.fakes.bench import MeasuredChat, fake_benchmarks
from tests.support.fakes.http_services import OpenGate
from tests.support.fakes.hub_services import FakeFindOutdated, FakeHubServices, FakeShowRemote, FakeVerifyModel
from tests.support.fakes.prefix_store import FakePrefixStore
from tests.support.fakes.server_processes import FakeProcesses, FakeServiceManager
from tests.support.fakes.vectors import fake_embeddings, fake_scores
from tests.support.fakes.worker import FakeWorkerLauncher
from tests.support.fakes.workspace_services import FakeWorkspaceServices

if TYPE_CHECKING:
    from entrypoints.http.front import Serving

NOW = datetime(2026, 5, 17, 12, 0, 0, tzinfo=UTC)
HASH = "a5339a41b2e3" + "0" * 28
FORECAST: MemoryForecast | None = MemoryForecast(4_600_000_000, 131_072_000, 40_960)


def report(
    name: str = "mlx-community/Qwen3-0.6B-4bit",
    *,
    source: ModelSource = ModelSource.CACHE,
    health_reason: str = "Model is healthy",
    reason: str | None = None,
    **facts: object,
) -> ModelReport:
    """A model that is healthy and runs, but for what is said."""
    healthy = health_reason in ("Model is healthy", "Multi-file model complete")
    values: dict[str, object] = {
        "size_bytes": 4_613_734_656,
        "last_modified": NOW - timedelta(hours=3),
        "framework": "MLX",
        "model_type": "chat",
        "capabilities": ("text-generation", "chat"),
        "healthy": healthy,
        "health_reason": health_reason,
        "runtime_compatible": healthy and reason is None,
        "reason": reason if healthy else health_reason,
        **facts,
    }
    revision = HASH if source is ModelSource.CACHE else None
    location = LocatedModel(name, PurePosixPath("/models") / name.replace("/", "--"), source, revision)
    return ModelReport(location=location, **values)  # type: ignore[arg-type]


def detail(of: ModelReport) -> ModelDetail:
    """The rest of what `show` says, the same for every model."""
    return ModelDetail(
        report=of,
        files=(
            ModelFile("config.json", 588, FileKind.CONFIG),
            ModelFile("model.safetensors", 3_353_000, FileKind.WEIGHTS),
        ),
        config={"model_type": "llama", "vocab_size": 512, "quantization": {"bits": 4, "group_size": 64}},
        quantization={"bits": 4, "group_size": 64},
        metadata=ModelMetadata(
            model_type="llama",
            architecture="LlamaForCausalLM",
            quantization="4bit",
            context_length=4096,
            vocab_size=512,
            hidden_size=192,
            layers=4,
            heads=6,
        ),
        memory=FORECAST if "text-generation" in of.capabilities else None,
    )


class FakeListModels(ListModels):
    def __init__(self, reports: Sequence[ModelReport]) -> None:
        self.reports = tuple(reports)
        self.queries: list[ListQuery] = []

    def execute(self, query: ListQuery) -> tuple[ModelReport, ...]:
        self.queries.append(query)
        kinds = {kind.value for kind in query.kinds}
        return tuple(
            each
            for each in self.reports
            if (not query.pattern or query.pattern.lower() in each.name.lower())
            and (not kinds or kinds & set(each.capabilities))
        )


class FakeShowModel(ShowModel):
    def __init__(self, reports: Sequence[ModelReport]) -> None:
        self._reports = reports

    def execute(self, spec: str) -> ModelDetail:
        for each in self._reports:
            if spec in each.name:
                return detail(each)
        raise ModelNotFound(f"no model here matches {spec!r}", hint="see `mlxk list --all`", param="model")


class FakeResolveModel(ResolveModel):
    def __init__(self, reports: Sequence[ModelReport]) -> None:
        self._reports = reports

    def execute(self, spec: str) -> LocatedModel:
        for each in self._reports:
            if spec in each.name:
                return each.location
        raise ModelNotFound(f"no model here matches {spec!r}", hint="see `mlxk list --all`", param="model")


class FakeInspectModel(InspectModel):
    def __init__(self, reports: Sequence[ModelReport]) -> None:
        self._reports = reports

    def execute(self, location: LocatedModel) -> ModelReport:
        return next(each for each in self._reports if each.location == location)


class NamesOnlyStore:
    """A store whose models can be counted by name and must not be looked at."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def names(self) -> Sequence[str]:
        return self._names

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a completion asked a store for its {name}")


class FakeRemoveModel(RemoveModel):
    """Plans for any model that is here; a name that is not the whole one counts as completed."""

    def __init__(self, reports: Sequence[ModelReport], held_locks: Sequence[PurePosixPath] = ()) -> None:
        self._reports = reports
        self.held_locks = tuple(held_locks)
        self.removed: list[tuple[str, bool]] = []

    def plan(self, spec: str) -> RemovalPlan:
        name, _, revision = spec.partition("@")
        for each in self._reports:
            if name in each.name:
                root = PurePosixPath("/cache")
                contents = CacheContents(
                    root,
                    (),
                    (root / "s",),
                    (),
                    (),
                    freed_bytes=each.size_bytes,
                    kept_revisions=("b" * 40,) if revision else (),
                )
                return RemovalPlan(each.location, revision or None, each.name == name, contents, self.held_locks)
        raise ModelNotFound(f"no model here matches {spec!r}")

    def execute(self, plan: RemovalPlan, *, force: bool = False) -> Removal:
        if self.held_locks and not force:
            raise Conflict("a download holds the locks", hint="wait, or add --force")
        self.removed.append((plan.location.name, force))
        return Removal(plan, removed_paths=1, lock_files_removed=2)


class FakeCheckHealth(CheckHealth):
    def __init__(self, reports: Sequence[ModelReport]) -> None:
        self._reports = reports

    def execute(self, pattern: str | None) -> HealthSummary:
        entries = [
            HealthEntry(each.name, each.healthy, each.health_reason)
            for each in self._reports
            if not pattern or pattern in each.name
        ]
        return HealthSummary(
            healthy=tuple(each for each in entries if each.healthy),
            unhealthy=tuple(each for each in entries if not each.healthy),
        )


VOICE = report("org/voice", model_type="audio", capabilities=("speech",))
EARS = report("org/ears", model_type="audio", capabilities=("audio", "audio-translate-en"))
EMBEDDER = report("org/embedder", model_type="embedding", capabilities=("embeddings",))
Step = GenerationEvent | BaseException


class FakeStream:
    """Events of the test's choosing; an exception among them is raised in its place."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = iter(steps)
        self.cancelled = False

    def __iter__(self) -> Iterator[GenerationEvent]:
        return self

    def __next__(self) -> GenerationEvent:
        step = next(self._steps)
        if isinstance(step, BaseException):
            raise step
        return step

    def next_within(self, seconds: float | None) -> GenerationEvent:
        return next(self)

    def cancel(self) -> None:
        self.cancelled = True


def spoken(*pieces: str, reason: FinishReason = FinishReason.STOP) -> list[Step]:
    """An answer in these pieces."""
    return [*map(TextDelta, pieces), Finished(reason, Usage(prompt_tokens=7, completion_tokens=len(pieces)))]


class FakeChat(Chat):
    """Answers with the next of `answers`; an exception in its place is raised before any event. sees: what is told of
    its models, but for `readers`, which do not.
    """

    def __init__(self, answers: Sequence[Sequence[Step] | BaseException]) -> None:
        self._answers = iter(answers)
        self.model = report("mlxk/demo", source=ModelSource.BUILTIN).location
        self.asked: list[tuple[str, GenerationRequest, bool]] = []
        self.streams: list[FakeStream] = []
        self.prepared: list[str] = []
        self.loadings: list[LoadWishes] = []
        self.warning: str | None = None
        self.sees: bool | None = False
        self.readers: set[str] = set()

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
        self.loadings.append(loading)
        self.asked.append((spec, request, streamed))
        answer = next(self._answers)
        if isinstance(answer, BaseException):
            raise answer
        self.streams.append(FakeStream(answer))
        return PatientAnswer(self.model, self.streams[-1], self.warning)

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        self.loadings.append(loading)
        self.prepared.append(spec)
        return Prepared(self.model, self.warning, sees=self.sees and spec not in self.readers)


class FakeEmbed(Embed):
    """Vectors of words. refuse: the error that a text with this word in it raises."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, EmbeddingRequest, LoadWishes]] = []
        self.refuse: dict[str, MlxkError] = {}
        self.warning: str | None = None

    def execute(
        self,
        spec: str,
        request: EmbeddingRequest,
        *,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> EmbeddingAnswer:
        self.asked.append((spec, request, loading))
        for word, error in self.refuse.items():
            if any(word in text for text in request.inputs if isinstance(text, str)):
                raise error
        made = fake_embeddings(request, 512)
        return EmbeddingAnswer(
            EMBEDDER.location, made, made.vectors[0].dimensions, "cpu", "1f0c9a2b.cpu", None, self.warning
        )


class FakeRerank(Rerank):
    def __init__(self) -> None:
        self.asked: list[tuple[str, RerankRequest, LoadWishes]] = []

    def execute(
        self,
        spec: str,
        request: RerankRequest,
        *,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> RerankAnswer:
        self.asked.append((spec, request, loading))
        return RerankAnswer(EMBEDDER.location, fake_scores(request, 512), "cpu", "1f0c9a2b.cpu")


class FakeFindServer(FindServer):
    """found: what answers in place of this process; None when nothing does. asked: for what."""

    def __init__(self) -> None:
        self.found: FakeChat | None = None
        self.asked: list[tuple[str, LoadWishes]] = []

    def execute(self, spec: str, loading: LoadWishes = PLAINLY) -> ServedChat | None:
        self.asked.append((spec, loading))
        return self.found  # type: ignore[return-value]  # it only has to answer


class FakeModelPool(ModelPool):
    def __init__(self) -> None:
        self.closed = 0
        self.held: tuple[ModelLoad, ...] = ()

    def loads(self) -> tuple[ModelLoad, ...]:
        return self.held

    def close(self) -> None:
        self.closed += 1


class FakeServices(FakeWorkspaceServices):
    """reports: the models that are here. answers: what the model says, in turn."""

    def __init__(
        self, reports: Sequence[ModelReport] = (), answers: Sequence[Sequence[Step] | BaseException] = ()
    ) -> None:
        super().__init__()
        self.listing = FakeListModels(reports)
        self.talk = FakeChat(answers)
        self.pool = FakeModelPool()
        self.finding = FakeFindServer()
        self.embedding = FakeEmbed()
        self.reranking = FakeRerank()
        self.launcher = FakeWorkerLauncher()
        self.hearing = ModelPool(self.launcher, 10**12)
        self.announced = False
        self.removing = FakeRemoveModel(reports)
        self.prompts = FakePrefixStore()
        self.hub = FakeHubServices([detail(each) for each in reports if each.location.source is ModelSource.CACHE])
        self.measured = MeasuredChat()
        self.processes = FakeProcesses()
        self.manager = FakeServiceManager()
        self.state_dir = Path("/nowhere")
        self.moments = iter(range(1_000_000))
        self._reports = reports

    def pull_model(self) -> PullModel:
        return self.hub.pulling

    def search_hub(self) -> SearchHub:
        return self.hub.searching

    def show_remote(self) -> ShowRemote:
        return FakeShowRemote(self.hub.details)

    def run_benchmark(self) -> RunBenchmark:
        return fake_benchmarks(self.measured)

    def chart(self) -> Chart:
        return PngChart()

    def verify_model(self) -> VerifyModel:
        return FakeVerifyModel(*self.hub.states)

    def find_outdated(self) -> FindOutdated:
        return FakeFindOutdated()

    def prune_cache(self) -> PruneCache:
        return self.hub.pruning

    def model_stores(self) -> ModelStores:
        def named(source: ModelSource) -> NamesOnlyStore:
            return NamesOnlyStore([each.name for each in self._reports if each.location.source is source])

        workspaces, cache, builtin = map(named, (ModelSource.WORKSPACE, ModelSource.CACHE, ModelSource.BUILTIN))
        return ModelStores(workspaces, cache, builtin)  # type: ignore[arg-type]

    def resolve_model(self) -> ResolveModel:
        return FakeResolveModel(self._reports)

    def inspect_model(self) -> InspectModel:
        return FakeInspectModel(self._reports)

    def plan_load(self) -> PlanLoad:
        return PlanLoad(self.resolve_model(), self.inspect_model(), PurePosixPath("/adapters").joinpath)

    def list_models(self) -> ListModels:
        return self.listing

    def remove_model(self) -> RemoveModel:
        return self.removing

    def show_model(self) -> ShowModel:
        return FakeShowModel(self._reports)

    def check_health(self) -> CheckHealth:
        return FakeCheckHealth(self._reports)

    def prompt_cache(self) -> PromptCache:
        return PromptCache(self.prompts, PrefixCacheBudget(2_147_483_648, 10_000_000_000))

    def chat(self) -> Chat:
        return self.talk

    def embed(self) -> Embed:
        return self.embedding

    def rerank(self) -> Rerank:
        return self.reranking

    def transcribe(self) -> Transcribe:
        """Over workers that hear bytes as text, and files as their names."""
        models = TaskModels(self._sound_loads(), Task.TRANSCRIBE, require_transcribe, self.plan_load().execute)
        return Transcribe(models, monotonic)

    def speak(self) -> Speak:
        """Over workers that say words as bytes."""
        return Speak(TaskModels(self._sound_loads(), Task.SPEAK, require_speak, self.plan_load().execute))

    def _sound_loads(self) -> ModelLoads:
        return ModelLoads(self.resolve_model(), self.inspect_model(), self.hearing, OpenGate(), monotonic)

    def hear_as_chat(self) -> HearAsChat:
        return HearAsChat(self.transcribe())

    def find_server(self) -> FindServer:
        return self.finding

    def model_pool(self) -> ModelPool:
        return self.pool

    def running_servers(self) -> RunningServers:
        return RunningServers(self.processes, lambda: float(next(self.moments)), lambda _: None)

    def background_servers(self) -> BackgroundLauncher:
        return BackgroundLauncher(self.state_dir, {})

    def server_logs(self) -> LogFiles:
        return LogFiles(self.state_dir)

    def background_service(self) -> BackgroundService:
        return BackgroundService(self.manager)

    def servers_announced(self) -> bool:
        return self.announced

    def worker_launcher(self) -> WorkerLauncher:
        return self.launcher


class TerminalText(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Seen:
    """What a command line left behind."""

    code: int
    out: str
    err: str


@dataclass
class Line:
    """A command line at work: `Line(services).run("list", "--all")`."""

    services: FakeServices = field(default_factory=FakeServices)
    terminal: bool = False
    stdin: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    server: Server | None = None
    services_fault: Exception | None = None

    def run(self, *argv: str) -> Seen:
        kind = TerminalText if self.terminal else io.StringIO
        stdin, stdout, stderr = kind(self.stdin), kind(), kind()
        console = Console(stdin, stdout, stderr, json="--json" in argv)
        code = run(argv, console, self._context)
        return Seen(code, stdout.getvalue(), stderr.getvalue())

    def _context(self, console: Console) -> Context:
        return Context(
            console=console,
            settings=lambda flags: load_settings(flags, self.environ),
            services=self._services,
            server_settings=lambda flags: load_settings(
                flags, {"XDG_CONFIG_HOME": "/nowhere", **self.environ}, with_file=True
            ),
            server_services=self._services,
            server=lambda: self.server or no_server,
            now=lambda: NOW,
        )

    def _services(self) -> FakeServices:
        if self.services_fault is not None:
            raise self.services_fault
        return self.services


def serving(settings: Settings) -> Serving:
    """What a server of these settings would announce."""
    from entrypoints.http.front import Serving

    host, port = settings.host.value, settings.port.value
    return Serving(f"http://{host}:{port}", host, port, settings.preload_model.value)


def no_server(settings: Settings, announce: Callable[[Serving], None], failed: Callable[[MlxkError], None]) -> int:
    """A server that listens, says so, and ends at once."""
    announce(serving(settings))
    return 0
