"""The bill of materials for servers that are found by other commands, and for those that look for them.

Apart from container.py because a command that has found a server should import nothing that loads models; each method
makes one part, importing what it needs then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlxk import __version__

if TYPE_CHECKING:
    from adapters.server_client.background import BackgroundLauncher
    from adapters.server_client.entries import ServerFolder
    from adapters.server_client.log_files import LogFiles
    from application.catalog.inspect_model import InspectModel
    from application.catalog.list_models import ListModels
    from application.catalog.resolve_model import ResolveModel
    from application.inference.answering import Answering, Resolver
    from application.inference.bring_in import BringIn
    from application.inference.chat import Manner
    from application.inference.chat_loaded import ChatLoaded
    from application.inference.explain_prompt import ExplainPrompt
    from application.inference.find_server import FindServer
    from application.inference.load_plan import PlanLoad, PlanServedLoad
    from application.serving.background_service import BackgroundService
    from application.serving.describe_server import DescribeServer
    from application.serving.manage_models import PreloadModels
    from application.serving.model_pool import ModelPool
    from application.serving.owners_settings import OwnersSettings
    from application.serving.presence import Presence
    from application.serving.running_servers import RunningServers
    from application.serving.served_models import FirstModel, ListServedModels, ResolveServedModel
    from domain.catalog import LocatedModel
    from domain.inference.picture_wishes import PictureRules
    from domain.serving.load_options import PrefixCacheBudget
    from domain.serving.load_plan import LoadPlan
    from domain.serving.load_wishes import LoadWishes
    from domain.serving.model_settings import ServingRules
    from domain.serving.server_instance import ServerInstance
    from entrypoints.settings import Settings
    from ports.memory import MemoryProbe


def server_instance() -> ServerInstance:
    from os import urandom

    from domain.serving.server_instance import ServerInstance

    return ServerInstance(urandom(32).hex())


def presence(settings: Settings, pool: ModelPool, instance: ServerInstance) -> Presence:
    from time import time

    from application.serving.presence import Presence

    return Presence(_folder(settings), pool, instance, __version__, time)


def picture_rules(settings: Settings) -> PictureRules:
    from domain.inference.picture_wishes import PictureRules

    seeing = settings.seeing
    return PictureRules(seeing.chunk.value, seeing.describe.value, seeing.exif.value)


def manner(plan: PlanLoad | PlanServedLoad, budget: PrefixCacheBudget, pictures: PictureRules) -> Manner:
    from application.inference.chat import Manner
    from application.serving.prefix_budget import remembering

    return Manner(remembering(plan.execute, budget), pictures)


def chat_loaded(pool: ModelPool, instance: ServerInstance, pictures: PictureRules) -> ChatLoaded:
    from application.inference.chat_loaded import ChatLoaded

    return ChatLoaded(pool, instance, pictures)


def explain_prompt(
    resolve: Resolver, plan: PlanServedLoad, pool: ModelPool, instance: ServerInstance, pictures: PictureRules
) -> ExplainPrompt:
    from application.inference.explain_prompt import ExplainPrompt

    return ExplainPrompt(resolve, plan.execute, pool, instance, pictures)


def find_server(
    settings: Settings, resolve: Resolver, local: Callable[[], Answering], plan: Callable[[], PlanLoad]
) -> FindServer:
    """local, plan: made only when they are wanted."""
    from adapters.server_client.servers import FoundServers
    from application.inference.find_server import FindServer

    def plan_for(model: LocatedModel, wishes: LoadWishes) -> LoadPlan:
        return plan().execute(model, wishes)

    return FindServer(resolve, FoundServers(_folder(settings), __version__), local, plan_for)


def owners_settings(
    rules: ServingRules, resolve: ResolveModel, first: FirstModel, wishes: LoadWishes
) -> OwnersSettings:
    from time import monotonic

    from application.serving.owners_settings import OwnersSettings

    return OwnersSettings(rules, resolve, first, wishes, monotonic)


def list_served_models(
    list_models: ListModels,
    inspect: InspectModel,
    resolve: ResolveServedModel,
    settled: OwnersSettings,
    first: FirstModel,
    pool: ModelPool,
) -> ListServedModels:
    from time import monotonic

    from application.serving.served_models import ListServedModels

    leading = (*(() if first.spec is None else (first.spec,)), *settled.preloaded())
    return ListServedModels(list_models, inspect, resolve, leading, pool, monotonic)


def preload_models(bring_in: BringIn, settled: OwnersSettings, first: FirstModel) -> PreloadModels:
    from application.serving.manage_models import PreloadModels

    return PreloadModels(bring_in, first.spec, settled.check, settled.preloaded)


def running_servers(settings: Settings) -> RunningServers:
    from time import monotonic, sleep

    from adapters.server_client.processes import EnteredProcesses
    from application.serving.running_servers import RunningServers

    return RunningServers(EnteredProcesses(_folder(settings)), monotonic, sleep)


def background_servers(settings: Settings) -> BackgroundLauncher:
    from adapters.server_client.background import BackgroundLauncher

    return BackgroundLauncher(settings.user_state_dir.value, settings.environ)


def server_logs(settings: Settings) -> LogFiles:
    from adapters.server_client.log_files import LogFiles

    return LogFiles(settings.user_state_dir.value)


def background_service(settings: Settings) -> BackgroundService:
    """Raises DependencyMissing where neither of the two managers is at home."""
    from adapters.service_manager import service_manager_for
    from application.serving.background_service import BackgroundService

    return BackgroundService(service_manager_for(sys.platform, settings.environ))


def describe_server(
    settings: Settings, probe: MemoryProbe, models_bytes: int, prompt_cache: PrefixCacheBudget
) -> DescribeServer:
    from adapters.runtime_support.environment import describe_environment, has_ffmpeg
    from application.serving.describe_server import DescribeServer, Surroundings

    search_path = settings.environ.get("PATH", "")
    around = Surroundings(describe_environment, probe, lambda: has_ffmpeg(search_path))
    return DescribeServer(around, models_bytes, prompt_cache, settings.serving_rules)


def _folder(settings: Settings) -> ServerFolder:
    from adapters.server_client.entries import ServerFolder

    return ServerFolder(settings.user_cache_dir.value)
