"""The bill of materials: which adapter stands behind which port.

Entrypoints make one Container each, with the Settings they read; tests override providers. Factories import what they
build when they build it, so that a listing loads no server and no MLX.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


class _Hidden(MetaPathFinder):
    """Makes some libraries look absent."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"{fullname} is hidden while dependency_injector is imported", name=fullname)


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    finder = _Hidden(frozenset(names))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


# dependency_injector imports web frameworks when it finds them, for wiring we do not use: over half a second a start.
with _hidden("fastapi", "starlette", "pydantic", "pydantic_settings", "werkzeug", "flask", "aiohttp", "yaml"):
    from dependency_injector import containers, providers

if TYPE_CHECKING:
    from adapters.inference.text_runtime import MlxTextRuntime
    from application.catalog.check_health import CheckHealth
    from application.catalog.inspect_model import InspectModel
    from application.catalog.list_models import ListModels
    from application.catalog.resolve_model import ResolveModel
    from application.catalog.show_model import ShowModel
    from application.catalog.stores import ModelStores
    from application.hub.hubs import OpenHub
    from application.hub.judge_remote import JudgeRemote
    from application.inference.chat import Chat, Resolver
    from application.serving.model_pool import ModelPool
    from application.serving.readiness import CheckReadiness, ServerLifecycle
    from application.serving.served_models import ListServedModels, ResolveServedModel
    from domain.workspace.progress import OnWork
    from entrypoints.settings import Settings
    from ports.converter import ConversionJob
    from ports.installed_libraries import LibraryInspector
    from ports.memory import MemoryProbe
    from ports.model_worker import WorkerLauncher
    from ports.report_index import ReportIndex
    from ports.worker_channel import WorkerChannel


def _model_stores(settings: Settings) -> ModelStores:
    from adapters.builtin_model import builtin_model_folder
    from adapters.model_store.builtin import BuiltinStore
    from adapters.model_store.hf_cache import HfCacheStore
    from adapters.model_store.workspace import WorkspaceStore
    from application.catalog.stores import ModelStores

    return ModelStores(
        workspaces=WorkspaceStore(settings.workspace_home.value),
        cache=HfCacheStore(settings.hf_cache_dir.value),
        builtin=BuiltinStore(builtin_model_folder()),
    )


def _installed_libraries() -> LibraryInspector:
    from adapters.runtime_support.installed import InstalledLibraryInspector

    return InstalledLibraryInspector()


def _report_index(settings: Settings) -> ReportIndex:
    from adapters.model_store.report_index import FileReportIndex

    scope = f"{settings.hf_cache_dir.value}\n{settings.workspace_home.value}"
    return FileReportIndex(settings.user_cache_dir.value, scope)


def _resolve_model(stores: ModelStores) -> ResolveModel:
    from application.catalog.resolve_model import ResolveModel

    return ResolveModel(stores)


def _inspect_model(stores: ModelStores, libraries: LibraryInspector) -> InspectModel:
    from application.catalog.inspect_model import InspectModel

    return InspectModel(stores, libraries)


def _list_models(stores: ModelStores, libraries: LibraryInspector, index: ReportIndex) -> ListModels:
    from application.catalog.list_models import ListModels

    return ListModels(stores, libraries, index)


def _show_model(stores: ModelStores, libraries: LibraryInspector) -> ShowModel:
    from application.catalog.show_model import ShowModel

    return ShowModel(stores, libraries)


def _check_health(list_models: ListModels) -> CheckHealth:
    from application.catalog.check_health import CheckHealth

    return CheckHealth(list_models)


def _text_runtime() -> MlxTextRuntime:
    from adapters.inference.text_runtime import MlxTextRuntime

    return MlxTextRuntime()


def _model_pool(launcher: WorkerLauncher, budget_bytes: int) -> ModelPool:
    from application.serving.model_pool import ModelPool

    return ModelPool(launcher, budget_bytes)


def _resolve_served_model(resolve: ResolveModel, settings: Settings) -> ResolveServedModel:
    from application.serving.served_models import ResolveServedModel

    return ResolveServedModel(resolve, settings.preload_model.value)


def _chat(resolve: Resolver, inspect: InspectModel, pool: ModelPool) -> Chat:
    from time import monotonic

    from application.inference.chat import Chat

    return Chat(resolve, inspect, pool, monotonic)


def _server_lifecycle() -> ServerLifecycle:
    from application.serving.readiness import ServerLifecycle

    return ServerLifecycle()


def _check_readiness(lifecycle: ServerLifecycle, pool: ModelPool) -> CheckReadiness:
    from application.serving.readiness import CheckReadiness

    return CheckReadiness(lifecycle, pool)


def _list_served_models(
    list_models: ListModels, resolve: ResolveModel, inspect: InspectModel, settings: Settings
) -> ListServedModels:
    from application.serving.served_models import ListServedModels

    return ListServedModels(list_models, resolve, inspect, settings.preload_model.value)


def _memory_probe() -> MemoryProbe:
    from adapters.memory import memory_probe_for

    return memory_probe_for(sys.platform)


def _worker_launcher(settings: Settings, *, keep_spare: bool) -> WorkerLauncher:
    from adapters.worker_process.launcher import ProcessWorkerLauncher

    return ProcessWorkerLauncher(settings.environ, keep_spare=keep_spare)


def _frame_channel(fd: int) -> WorkerChannel:
    from adapters.worker_process.channel import FrameChannel

    return FrameChannel(fd)


def _resident_budget(probe: MemoryProbe) -> int:
    """What all loaded models together may take; without limit where the system does not tell its memory."""
    from domain.serving.memory_policy import USER_LIMIT_PERCENT

    memory = probe.read()
    return sys.maxsize if memory is None else memory.total_bytes * USER_LIMIT_PERCENT // 100


def _open_hub(settings: Settings) -> OpenHub:
    from functools import partial

    from adapters.hub.open_hub import open_hub
    from mlxk import __version__

    token = settings.hf_token.value
    return partial(open_hub, configured=settings.hub.value, token=token, user_agent=f"mlxk/{__version__}")


def _judge_remote(libraries: LibraryInspector, memory: MemoryProbe) -> JudgeRemote:
    from pathlib import Path, PurePath

    from adapters.builtin_model import builtin_model_folder
    from adapters.hub.sketches import TemporarySketches
    from adapters.model_store.builtin import BuiltinStore
    from adapters.model_store.hf_cache import HfCacheStore
    from adapters.model_store.workspace import WorkspaceStore
    from application.catalog.stores import ModelStores
    from application.hub.judge_remote import JudgeRemote

    def stores_at(folder: PurePath) -> ModelStores:
        return ModelStores(WorkspaceStore(None), HfCacheStore(Path(folder)), BuiltinStore(builtin_model_folder()))

    return JudgeRemote(TemporarySketches(), stores_at, libraries, memory)


def _convert_here() -> Callable[[ConversionJob, OnWork], None]:
    from adapters.inference.conversion import convert_model

    return convert_model


def _later(module: str, name: str) -> Callable[..., Any]:
    """A class that is imported when it is first wanted, for those that take exactly what their providers give."""

    def make(*arguments: object) -> Any:
        return getattr(import_module(module), name)(*arguments)

    return make


class Container(containers.DeclarativeContainer):
    """Container(settings=load_settings(...)). Providers are called to get what they provide; one pool, one launcher and
    one lifecycle per container. keep_spare: a server keeps a worker process ready, a single command does not.
    """

    settings: providers.Dependency[Settings] = providers.Dependency()
    keep_spare = providers.Object(False)  # noqa: FBT003

    model_stores = providers.ThreadSafeSingleton(_model_stores, settings)
    installed_libraries = providers.ThreadSafeSingleton(_installed_libraries)
    report_index = providers.ThreadSafeSingleton(_report_index, settings)
    memory_probe = providers.ThreadSafeSingleton(_memory_probe)

    resolve_model = providers.Factory(_resolve_model, model_stores)
    inspect_model = providers.Factory(_inspect_model, model_stores, installed_libraries)
    list_models = providers.Factory(_list_models, model_stores, installed_libraries, report_index)
    show_model = providers.Factory(_show_model, model_stores, installed_libraries)
    check_health = providers.Factory(_check_health, list_models)

    worker_launcher = providers.ThreadSafeSingleton(_worker_launcher, settings, keep_spare=keep_spare)
    resident_budget = providers.Callable(_resident_budget, memory_probe)
    model_pool = providers.ThreadSafeSingleton(_model_pool, worker_launcher, resident_budget)
    chat = providers.ThreadSafeSingleton(_chat, resolve_model, inspect_model, model_pool)
    resolve_served_model = providers.Factory(_resolve_served_model, resolve_model, settings)
    served_chat = providers.ThreadSafeSingleton(_chat, resolve_served_model, inspect_model, model_pool)

    lifecycle = providers.ThreadSafeSingleton(_server_lifecycle)
    check_readiness = providers.Factory(_check_readiness, lifecycle, model_pool)
    list_served_models = providers.Factory(_list_served_models, list_models, resolve_model, inspect_model, settings)

    open_hub = providers.Factory(_open_hub, settings)
    snapshot_cache = providers.Factory(
        _later("adapters.hub.hub_cache", "HubCache"), settings.provided.hf_cache_dir.value
    )
    judge_remote = providers.Factory(_judge_remote, installed_libraries, memory_probe)
    filesystem = providers.Factory(_later("adapters.filesystem.local", "LocalFileSystem"))
    file_locks = providers.Factory(_later("adapters.filesystem.locks", "FlockFileLocks"))
    shared_hub = providers.ThreadSafeSingleton(
        _later("adapters.hub.directory_hub", "DirectoryHub"), settings.provided.hf_cache_dir.value
    )
    cache_leftovers = providers.Factory(
        _later("adapters.hub.leftovers", "HubCacheLeftovers"), settings.provided.hf_cache_dir.value
    )
    pull_model = providers.Factory(
        _later("application.hub.pull_model", "PullModel"),
        model_stores, inspect_model, open_hub, snapshot_cache, judge_remote,
    )  # fmt: skip
    verify_model = providers.Factory(
        _later("application.hub.verify_model", "VerifyModel"), resolve_model, open_hub, snapshot_cache
    )
    search_hub = providers.Factory(_later("application.hub.search_hub", "SearchHub"), open_hub, judge_remote)
    show_remote = providers.Factory(_later("application.hub.show_remote", "ShowRemote"), open_hub, judge_remote)
    find_outdated = providers.Factory(_later("application.hub.find_outdated", "FindOutdated"), model_stores, open_hub)
    prune_cache = providers.Factory(
        _later("application.hub.prune_cache", "PruneCache"), model_stores, cache_leftovers, filesystem, file_locks
    )

    # Inside a worker process.
    frame_channel = providers.Factory(_frame_channel)
    text_runtime = providers.Factory(_text_runtime)
    conversion_line = providers.Factory(_later("adapters.worker_process.conversion_channel", "ConversionChannel"))
    convert_here = providers.Callable(_convert_here)
