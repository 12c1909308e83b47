"""The bill of materials: which adapter stands behind which port.

Entrypoints make one Container each, with the Settings they read; tests override providers. Factories import what they
build when they build it, so that a listing loads no server and no MLX.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from container_injector import containers, providers

if TYPE_CHECKING:
    from application.bench.run_benchmark import RunBenchmark
    from application.catalog.inspect_model import InspectModel
    from application.catalog.stores import ModelStores
    from application.inference.chat import Chat, Manner, Resolver
    from application.serving.memory_gate import MemoryGate
    from application.serving.model_pool import ModelPool
    from entrypoints.settings import Settings
    from ports.memory import MemoryProbe
    from ports.model_worker import WorkerLauncher
    from ports.report_index import ReportIndex


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


def _report_index(settings: Settings) -> ReportIndex:
    from adapters.model_store.report_index import FileReportIndex

    scope = f"{settings.hf_cache_dir.value}\n{settings.workspace_home.value}"
    return FileReportIndex(settings.user_cache_dir.value, scope)


def _memory_gate(stores: ModelStores, probe: MemoryProbe, settings: Settings) -> MemoryGate:
    from application.serving.memory_gate import MemoryGate

    return MemoryGate(stores, probe, force=settings.force.value, limit_bytes=settings.memory_limit.value)


def _chat(
    resolve: Resolver,
    inspect: InspectModel,
    pool: ModelPool,
    gate: MemoryGate,
    manner: Manner,
) -> Chat:
    from time import monotonic

    from application.inference.chat import Chat

    return Chat(resolve, inspect, pool, gate, monotonic, manner)


def _run_benchmark(chat: Chat) -> RunBenchmark:
    from datetime import UTC, datetime
    from time import monotonic

    from adapters.runtime_support.environment import describe_environment
    from application.bench.run_benchmark import Clocks, RunBenchmark

    return RunBenchmark(chat, Clocks(monotonic, lambda: datetime.now(UTC)), describe_environment)


def _memory_probe() -> MemoryProbe:
    from adapters.memory import memory_probe_for

    return memory_probe_for(sys.platform)


def _worker_launcher(settings: Settings, *, keep_spare: bool) -> WorkerLauncher:
    from adapters.worker_process.launcher import ProcessWorkerLauncher

    debug = settings.verbosity == "debug"
    return ProcessWorkerLauncher(settings.environ, keep_spare=keep_spare, debug=debug, captured=keep_spare)


def _later(module: str, name: str) -> Callable[..., Any]:
    """A class that is imported when it is first wanted, for those that take exactly what their providers give."""

    def make(*arguments: object) -> Any:
        return getattr(import_module(module), name)(*arguments)

    return make


_vectors = partial(_later, "container_embedding")
_hearing = partial(_later, "container_hearing")
_serving = partial(_later, "container_serving")


class Container(containers.DeclarativeContainer):
    """Container(settings=load_settings(...)). Providers are called to get what they provide; one pool, one launcher and
    one lifecycle per container. keep_spare: a server keeps a worker process ready, a single command does not.
    """

    settings: providers.Dependency[Settings] = providers.Dependency()
    keep_spare = providers.Object(False)  # noqa: FBT003

    model_stores = providers.ThreadSafeSingleton(_model_stores, settings)
    installed_libraries = providers.ThreadSafeSingleton(
        _later("adapters.runtime_support.installed", "InstalledLibraryInspector")
    )
    report_index = providers.ThreadSafeSingleton(_report_index, settings)
    memory_probe = providers.ThreadSafeSingleton(_memory_probe)

    resolve_model = providers.Factory(_later("application.catalog.resolve_model", "ResolveModel"), model_stores)
    inspect_model = providers.Factory(
        _later("application.catalog.inspect_model", "InspectModel"), model_stores, installed_libraries
    )
    workspaces = providers.ThreadSafeSingleton(
        _later("container_workspaces", "WorkspaceUseCases"), settings, model_stores, installed_libraries
    )
    list_models = providers.Factory(
        _later("application.catalog.list_models", "ListModels"),
        model_stores, installed_libraries, report_index, workspaces.provided.complete,
    )  # fmt: skip
    show_model = providers.Factory(
        _later("application.catalog.show_model", "ShowModel"),
        model_stores, installed_libraries, memory_probe, workspaces.provided.complete,
    )  # fmt: skip
    check_health = providers.Factory(_later("application.catalog.check_health", "CheckHealth"), list_models)

    worker_launcher = providers.ThreadSafeSingleton(_worker_launcher, settings, keep_spare=keep_spare)
    resident_budget = providers.Callable(_later("application.serving.resident_budget", "resident_budget"), memory_probe)
    model_pool = providers.ThreadSafeSingleton(
        _later("application.serving.model_pool", "ModelPool"), worker_launcher, resident_budget
    )
    memory_gate = providers.Factory(_memory_gate, model_stores, memory_probe, settings)
    prefix_cache_budget = providers.Callable(
        _later("application.serving.prefix_budget", "budget_here"),
        settings.provided.cache_ram.value, settings.provided.cache_disk.value, settings.provided.cache_dir.value,
        memory_probe,
    )  # fmt: skip
    plan_load = providers.Factory(
        _later("application.inference.load_plan", "PlanLoad"),
        resolve_model,
        inspect_model,
        providers.Callable(lambda: import_module("adapters.model_store.lora_folder").find_adapter),
    )
    picture_rules = providers.Callable(_serving("picture_rules"), settings)
    manner = providers.Factory(_serving("manner"), plan_load, prefix_cache_budget, picture_rules)
    chat = providers.ThreadSafeSingleton(_chat, resolve_model, inspect_model, model_pool, memory_gate, manner)
    serving_rules = providers.Callable(lambda settings: settings.serving_rules, settings)
    first_model = providers.ThreadSafeSingleton(
        _later("application.serving.served_models", "FirstModel"),
        resolve_model, settings.provided.preload_model.value, serving_rules,
    )  # fmt: skip
    resolve_served_model = providers.Factory(
        _later("application.serving.served_models", "ResolveServedModel"), resolve_model, first_model, serving_rules
    )
    owners_settings = providers.ThreadSafeSingleton(
        _serving("owners_settings"),
        serving_rules, resolve_model, first_model, settings.provided.loading.wishes,
    )  # fmt: skip
    plan_served_load = providers.ThreadSafeSingleton(
        _later("application.inference.load_plan", "PlanServedLoad"), plan_load, owners_settings
    )
    served_manner = providers.Factory(_serving("manner"), plan_served_load, prefix_cache_budget, picture_rules)
    served_chat = providers.ThreadSafeSingleton(
        _chat, resolve_served_model, inspect_model, model_pool, memory_gate, served_manner
    )

    model_loads = providers.ThreadSafeSingleton(
        _vectors("model_loads"), resolve_model, inspect_model, model_pool, memory_gate
    )
    embed = providers.ThreadSafeSingleton(_vectors("embed"), model_loads, plan_load, workspaces.provided.complete)
    rerank = providers.ThreadSafeSingleton(_vectors("rerank"), model_loads, plan_load, workspaces.provided.complete)
    served_model_loads = providers.ThreadSafeSingleton(
        _vectors("model_loads"), resolve_served_model, inspect_model, model_pool, memory_gate
    )
    served_embed = providers.ThreadSafeSingleton(
        _vectors("embed"), served_model_loads, plan_served_load, workspaces.provided.complete
    )
    served_rerank = providers.ThreadSafeSingleton(
        _vectors("rerank"), served_model_loads, plan_served_load, workspaces.provided.complete
    )

    transcribe = providers.ThreadSafeSingleton(_hearing("transcribe"), model_loads, plan_load, settings)
    hear_as_chat = providers.Factory(_hearing("hear_as_chat"), transcribe, settings)
    served_transcribe = providers.ThreadSafeSingleton(
        _hearing("transcribe"), served_model_loads, plan_served_load, settings
    )
    served_answers = providers.ThreadSafeSingleton(_hearing("answers_by_task"), served_chat, hear_as_chat)

    run_benchmark = providers.Factory(_run_benchmark, chat)
    chart = providers.Factory(_later("adapters.charts.png_chart", "PngChart"))

    lifecycle = providers.ThreadSafeSingleton(_later("application.serving.readiness", "ServerLifecycle"))
    watch_times = providers.ThreadSafeSingleton(_later("container_watch", "watch_times"))
    worker_watch = providers.ThreadSafeSingleton(_later("application.serving.worker_watch", "WorkerWatch"), watch_times)
    meter = providers.ThreadSafeSingleton(_later("container_watch", "meter"))
    served_pool = providers.ThreadSafeSingleton(
        _later("container_watch", "served_pool"), worker_launcher, resident_budget, worker_watch, meter
    )
    check_readiness = providers.Factory(
        _later("application.serving.readiness", "CheckReadiness"), lifecycle, model_pool, worker_watch
    )
    read_metrics = providers.Factory(_later("container_watch", "read_metrics"), meter, worker_watch, model_pool)
    list_served_models = providers.ThreadSafeSingleton(
        _serving("list_served_models"),
        list_models, inspect_model, resolve_served_model, owners_settings, first_model, model_pool,
    )  # fmt: skip
    bring_in_model = providers.ThreadSafeSingleton(
        _vectors("bring_in"),
        served_model_loads, served_chat, served_embed, served_rerank, served_transcribe,
    )  # fmt: skip
    embedding_backend = providers.ThreadSafeSingleton(_vectors("embedding_backend"), settings)
    preload_models = providers.Factory(_serving("preload_models"), bring_in_model, owners_settings, first_model)
    unload_model = providers.Factory(
        _later("application.serving.manage_models", "UnloadModel"), resolve_served_model, model_pool
    )

    describe_server = providers.ThreadSafeSingleton(
        _serving("describe_server"), settings, memory_probe, resident_budget, prefix_cache_budget
    )

    server_instance = providers.ThreadSafeSingleton(_serving("server_instance"))
    presence = providers.ThreadSafeSingleton(_serving("presence"), settings, model_pool, server_instance)
    explain_prompt = providers.Factory(
        _serving("explain_prompt"),
        resolve_served_model, plan_served_load, model_pool, server_instance, picture_rules,
    )  # fmt: skip
    chat_loaded = providers.Factory(_serving("chat_loaded"), model_pool, server_instance, picture_rules)
    servers_announced = providers.Callable(
        _later("adapters.server_client.announced", "servers_announced"), settings.provided.user_cache_dir.value
    )
    find_server = providers.Factory(_serving("find_server"), settings, resolve_model, chat.provider, plan_load.provider)

    running_servers = providers.Factory(_serving("running_servers"), settings)
    background_servers = providers.Factory(_serving("background_servers"), settings)
    server_logs = providers.Factory(_serving("server_logs"), settings)
    background_service = providers.Factory(_serving("background_service"), settings)

    filesystem = providers.Factory(
        _later("adapters.filesystem.choice", "file_system"), settings.provided.strict_delete.value
    )
    file_locks = providers.Factory(_later("adapters.filesystem.locks", "FlockFileLocks"))
    prefix_store = providers.Factory(
        _later("adapters.inference.prefix_cache.stored", "FolderPrefixStore"), settings.provided.cache_dir.value
    )
    prompt_cache = providers.Factory(
        _later("application.serving.prompt_cache", "PromptCache"), prefix_store, prefix_cache_budget
    )
    remove_model = providers.Factory(
        _later("application.catalog.remove_model", "RemoveModel"),
        model_stores,
        providers.Factory(
            _later("adapters.model_store.cache_inventory", "HfCacheInventory"), settings.provided.hf_cache_dir.value
        ),
        filesystem,
        file_locks,
        prefix_store,
    )
    hub = providers.ThreadSafeSingleton(
        _later("container_hub", "HubUseCases"), settings, model_stores, installed_libraries, memory_probe
    )
    open_hub = hub.provided.open_hub.call()
    pull_model = hub.provided.pull.call(inspect_model, open_hub)
    verify_model = hub.provided.verify.call(resolve_model, open_hub)
    search_hub = hub.provided.search.call(open_hub)
    show_remote = hub.provided.show.call(open_hub)
    find_outdated = hub.provided.outdated.call(open_hub)
    prune_cache = hub.provided.prune.call(filesystem, file_locks)
    shared_hub = providers.ThreadSafeSingleton(lambda hub: hub.shared(), hub)

    check_workspace = workspaces.provided.check.call()
    recalculate_hash = workspaces.provided.recalculate.call()
    clone_model = workspaces.provided.clone.call(resolve_model, inspect_model, open_hub)
    convert_model = workspaces.provided.convert.call(resolve_model, inspect_model, memory_probe)
    doctor = workspaces.provided.doctor.call(resolve_model)
    push_workspace = workspaces.provided.push.call(resolve_model)

    # Inside a worker process.
    frame_channel = providers.Factory(_later("adapters.worker_process.channel", "FrameChannel"))
    text_runtime = providers.Factory(_later("adapters.inference.text_runtime", "MlxTextRuntime"))
    vector_runtime = providers.Factory(_later("adapters.inference.embedding.runtime", "MlxVectorRuntime"))
    sound_runtime = providers.Factory(_later("adapters.inference.sound.runtime", "MlxSoundRuntime"))
    conversion_line = providers.Factory(_later("adapters.worker_process.conversion_channel", "ConversionChannel"))
    convert_here = providers.Callable(lambda: import_module("adapters.inference.conversion").convert_model)
