"""What the command line needs from the rest of the house: use cases, settings and the server, behind callables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from entrypoints.cli.console import Console

if TYPE_CHECKING:
    from application.bench.run_benchmark import RunBenchmark
    from application.catalog.check_health import CheckHealth
    from application.catalog.inspect_model import InspectModel
    from application.catalog.list_models import ListModels
    from application.catalog.remove_model import RemoveModel
    from application.catalog.resolve_model import ResolveModel
    from application.catalog.show_model import ShowModel
    from application.catalog.stores import ModelStores
    from application.hub.find_outdated import FindOutdated
    from application.hub.prune_cache import PruneCache
    from application.hub.pull_model import PullModel
    from application.hub.search_hub import SearchHub
    from application.hub.show_remote import ShowRemote
    from application.hub.verify_model import VerifyModel
    from application.inference.chat import Chat
    from application.inference.embed import Embed
    from application.inference.find_server import FindServer
    from application.inference.hear_as_chat import HearAsChat
    from application.inference.load_plan import PlanLoad
    from application.inference.rerank import Rerank
    from application.inference.transcribe import Transcribe
    from application.serving.background_service import BackgroundService
    from application.serving.model_pool import ModelPool
    from application.serving.prompt_cache import PromptCache
    from application.serving.running_servers import RunningServers
    from application.workspace.clone_model import CloneModel
    from application.workspace.convert_model import ConvertModel
    from application.workspace.doctor import Doctor
    from application.workspace.push_workspace import PushWorkspace
    from application.workspace.recalculate_hash import RecalculateHash
    from domain.errors import MlxkError
    from entrypoints.http.front import Serving
    from entrypoints.settings import Settings
    from ports.background_servers import BackgroundServers, ServerLogs
    from ports.chart import Chart
    from ports.model_worker import WorkerLauncher


class Services(Protocol):
    """The use cases, made on demand. The container is one; tests bring another."""

    def model_stores(self) -> ModelStores: ...

    def resolve_model(self) -> ResolveModel: ...

    def inspect_model(self) -> InspectModel: ...

    def list_models(self) -> ListModels: ...

    def show_model(self) -> ShowModel: ...

    def check_health(self) -> CheckHealth: ...

    def remove_model(self) -> RemoveModel: ...

    def pull_model(self) -> PullModel: ...

    def search_hub(self) -> SearchHub: ...

    def show_remote(self) -> ShowRemote: ...

    def verify_model(self) -> VerifyModel: ...

    def find_outdated(self) -> FindOutdated: ...

    def prune_cache(self) -> PruneCache: ...

    def clone_model(self) -> CloneModel: ...

    def convert_model(self) -> ConvertModel: ...

    def doctor(self) -> Doctor: ...

    def push_workspace(self) -> PushWorkspace: ...

    def recalculate_hash(self) -> RecalculateHash: ...

    def plan_load(self) -> PlanLoad: ...

    def chat(self) -> Chat: ...

    def embed(self) -> Embed: ...

    def rerank(self) -> Rerank: ...

    def transcribe(self) -> Transcribe: ...

    def hear_as_chat(self) -> HearAsChat: ...

    def find_server(self) -> FindServer: ...

    def servers_announced(self) -> bool: ...

    def worker_launcher(self) -> WorkerLauncher: ...

    def model_pool(self) -> ModelPool: ...

    def prompt_cache(self) -> PromptCache: ...

    def running_servers(self) -> RunningServers: ...

    def background_servers(self) -> BackgroundServers: ...

    def server_logs(self) -> ServerLogs: ...

    def background_service(self) -> BackgroundService: ...

    def run_benchmark(self) -> RunBenchmark: ...

    def chart(self) -> Chart: ...


class Server(Protocol):
    """The HTTP entrypoint: blocks until the server has stopped and returns its exit code.

    announce: called once, when the server is ready, perhaps in a child of this process; failed: in its place, with the
    reason. Raises what keeps it from listening (PortInUse, say).
    """

    def __call__(
        self, settings: Settings, announce: Callable[[Serving], None], failed: Callable[[MlxkError], None]
    ) -> int: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a command gets. settings: from flags by setting name. services: built at its first call, then the same.
    server_settings, server_services: with the configuration file, for commands that ask what a server does. now:
    UTC-aware.
    """

    console: Console
    settings: Callable[[Mapping[str, object]], Settings]
    services: Callable[[], Services]
    server_settings: Callable[[Mapping[str, object]], Settings]
    server_services: Callable[[], Services]
    server: Callable[[], Server]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command hands back. data: the envelope's data, None when the command has printed its envelope itself.
    show: the same for people. Only one of them is called.
    """

    data: Callable[[], Mapping[str, object]] | None
    show: Callable[[], None]
    exit_code: int = 0
