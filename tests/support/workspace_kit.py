"""The workspace use cases over real adapters, on a folder of the test's own."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from adapters.builtin_model import builtin_model_folder
from adapters.copying.first_that_works import FirstThatWorks, system_copier
from adapters.copying.handing_over import HandOverCopier
from adapters.copying.plain import PlainCopier
from adapters.hub.http_hub import HttpHub
from adapters.hub.hub_cache import HubCache
from adapters.hub.retry import RetryPolicy
from adapters.hub.session import HubSession
from adapters.memory import memory_probe_for
from adapters.model_store.builtin import BuiltinStore
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.workspace import WorkspaceStore
from adapters.publishing.hub_publisher import HubPublisher
from adapters.publishing.model_card import YamlModelCard
from adapters.runtime_support.installed import InstalledLibraryInspector
from adapters.runtime_support.recipes import mixed_recipes
from adapters.worker_process.converter import ProcessConverter
from adapters.worker_process.tokenizer_maker import ProcessTokenizerMaker
from adapters.workspace_files.local import LocalWorkspaceFiles
from adapters.workspace_files.locks import FlockWorkspaceLocks
from adapters.workspace_files.model_files import LocalSourceFiles
from adapters.workspace_files.push_files import LocalPushFiles
from adapters.workspace_files.staging import LocalStaging
from adapters.workspace_files.template_check import JinjaTemplateCheck
from adapters.workspace_files.weight_headers import LocalWeightHeaders
from application.catalog.inspect_model import InspectModel
from application.catalog.resolve_model import ResolveModel
from application.catalog.stores import ModelStores
from application.workspace.check_workspace import CheckWorkspace, WorkspaceState
from application.workspace.clone_model import CloneModel, CloneTools
from application.workspace.convert_model import ConvertModel, ConvertTools
from application.workspace.doctor import Doctor, DoctorTools
from application.workspace.fetch_snapshot import FetchSnapshot
from application.workspace.push_workspace import PushTools, PushWorkspace
from domain.workspace.places import WorkspacePlaces
from ports.converter import Converter
from ports.copying import FileCopier
from ports.hub import ModelHub
from ports.memory import MemoryProbe
from ports.workspace_files import WorkspaceFiles

NOW = datetime(2026, 4, 20, 10, 30, tzinfo=UTC)


class WorkspaceKit:
    """root: holds `cache/` (a hub cache) and `home/` (the workspace home). endpoint: a hub's address, or None."""

    def __init__(self, root: Path, endpoint: str | None = None, token: str | None = None) -> None:
        self.root = root
        self.cache = root / "cache"
        self.home = root / "home"
        self.home.mkdir(exist_ok=True)
        self.endpoint = endpoint or "http://127.0.0.1:9"
        self.token = token
        self.files = LocalWorkspaceFiles()
        self.locks = FlockWorkspaceLocks()
        self.stores = ModelStores(
            workspaces=WorkspaceStore(self.home),
            cache=HfCacheStore(self.cache),
            builtin=BuiltinStore(builtin_model_folder()),
        )
        self.places = WorkspacePlaces(home=self.home, current=root, user_home=root, caches=(self.cache.resolve(),))
        self.libraries = InstalledLibraryInspector()
        self.inspect = InspectModel(self.stores, self.libraries)
        self.resolve = ResolveModel(self.stores)

    def hub(self, address: str | None = None) -> ModelHub:
        return HttpHub(HubSession(address or self.endpoint, self.token), RetryPolicy(2, 0.01))

    def clone(self, *, copier: FileCopier | None = None, places: WorkspacePlaces | None = None) -> CloneModel:
        return CloneModel(
            CloneTools(
                resolve=self.resolve,
                inspect=self.inspect,
                fetch=FetchSnapshot(self.hub, lambda folder: HubCache(folder, retry=RetryPolicy(2, 0.01))),
                sources=LocalSourceFiles(),
                staging=LocalStaging(),
                files=self.files,
                copier=copier or system_copier(),
                hand_over=FirstThatWorks((HandOverCopier(), PlainCopier())),
                places=places or self.places,
                locks=self.locks,
                version="9.9.9",
                now=lambda: NOW,
            )
        )

    def convert(self, *, converter: Converter | None = None, memory: MemoryProbe | None = None) -> ConvertModel:
        return ConvertModel(
            ConvertTools(
                resolve=self.resolve,
                stores=self.stores,
                inspect=self.inspect,
                libraries=self.libraries,
                sources=LocalSourceFiles(),
                headers=LocalWeightHeaders(),
                staging=LocalStaging(),
                files=self.files,
                locks=self.locks,
                converter=converter or ProcessConverter(os.environ, mixed_recipes),
                copier=system_copier(),
                memory=memory or memory_probe_for(sys.platform),
                places=self.places,
                version="9.9.9",
                now=lambda: NOW,
            )
        )

    def doctor(self, *, files: WorkspaceFiles | None = None) -> Doctor:
        return Doctor(
            DoctorTools(
                resolve=self.resolve,
                files=files or self.files,
                headers=LocalWeightHeaders(),
                templates=JinjaTemplateCheck(),
                tokenizers=ProcessTokenizerMaker(ProcessConverter(os.environ, mixed_recipes)),
                locks=self.locks,
                staging=LocalStaging(),
                places=self.places,
                now=lambda: NOW,
            )
        )

    def push(self) -> PushWorkspace:
        return PushWorkspace(
            PushTools(
                resolve=self.resolve,
                stores=self.stores,
                files=self.files,
                push_files=LocalPushFiles(),
                locks=self.locks,
                staging=LocalStaging(),
                card=YamlModelCard(),
                places=self.places,
                publisher=lambda: HubPublisher(self.endpoint, self.token),
                authorized=self.token is not None,
            )
        )

    def homeless(self) -> WorkspacePlaces:
        return replace(self.places, home=None)

    def state(self, folder: Path) -> WorkspaceState | None:
        return CheckWorkspace(self.files).execute(folder)


def tree_of(folder: Path) -> dict[str, str]:
    """Every path below a folder, with what it holds: a digest, where a link leads, or "folder"."""
    return {path.relative_to(folder).as_posix(): _content(path) for path in sorted(folder.rglob("*"))}


def leftovers(folder: Path) -> list[str]:
    """Names that mlxk's unfinished work has."""
    return sorted(path.name for path in folder.glob(".mlxk*"))


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
