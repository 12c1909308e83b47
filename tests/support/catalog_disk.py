"""A whole catalog on folders of its own: hub cache, workspace home, the built-in model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.builtin_model import builtin_model_folder
from adapters.filesystem.local import LocalFileSystem
from adapters.filesystem.locks import FlockFileLocks
from adapters.inference.prefix_cache.stored import FolderPrefixStore
from adapters.model_store.builtin import BuiltinStore
from adapters.model_store.cache_inventory import HfCacheInventory
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.workspace import WorkspaceStore
from adapters.runtime_support.installed import InstalledLibraryInspector
from application.catalog.list_models import ListModels
from application.catalog.remove_model import RemoveModel
from application.catalog.stores import ModelStores
from ports.filesystem import FileSystem
from ports.report_index import ReportIndex
from tests.support.model_zoo.places import CacheBuilder

LIBRARIES = InstalledLibraryInspector()


@dataclass(frozen=True)
class Disk:
    """cache: adds models to the hub cache. home: the workspace home."""

    cache: CacheBuilder
    home: Path
    stores: ModelStores

    @classmethod
    def under(cls, folder: Path) -> Disk:
        for name in ("hub", "home"):
            (folder / name).mkdir(parents=True)
        return cls.at(folder)

    @classmethod
    def at(cls, folder: Path) -> Disk:
        """One that is there already."""
        return cls.over(folder / "hub", folder / "home")

    @classmethod
    def over(cls, hub: Path, home: Path) -> Disk:
        """Two folders that are there already."""
        stores = ModelStores(WorkspaceStore(home), HfCacheStore(hub), BuiltinStore(builtin_model_folder()))
        return cls(CacheBuilder(hub), home, stores)

    def list_models(self, index: ReportIndex | None = None) -> ListModels:
        return ListModels(self.stores, LIBRARIES, index)

    def remove_model(self, filesystem: FileSystem | None = None) -> RemoveModel:
        inventory = HfCacheInventory(self.cache.root)
        prompts = FolderPrefixStore(self.cache.root.parent / "prompts")
        return RemoveModel(self.stores, inventory, filesystem or LocalFileSystem(), FlockFileLocks(), prompts)
