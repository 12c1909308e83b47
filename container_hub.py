"""The bill of materials for models far away: pull, search, verify, outdated, prune, and sharing.

Apart from container.py because these use cases take many parts; each method makes one, importing what it needs then.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from application.catalog.inspect_model import InspectModel
    from application.catalog.resolve_model import ResolveModel
    from application.catalog.stores import ModelStores
    from application.hub.find_outdated import FindOutdated
    from application.hub.hubs import OpenHub
    from application.hub.judge_remote import JudgeRemote
    from application.hub.prune_cache import PruneCache
    from application.hub.pull_model import PullModel
    from application.hub.search_hub import SearchHub
    from application.hub.show_remote import ShowRemote
    from application.hub.verify_model import VerifyModel
    from entrypoints.settings import Settings
    from ports.filesystem import FileLocks, FileSystem
    from ports.hub import ModelHub
    from ports.installed_libraries import LibraryInspector
    from ports.memory import MemoryProbe
    from ports.snapshot_cache import SnapshotCache


class HubUseCases:
    """Stateless but for its parts."""

    def __init__(
        self, settings: Settings, stores: ModelStores, libraries: LibraryInspector, memory: MemoryProbe
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._libraries = libraries
        self._memory = memory

    def open_hub(self) -> OpenHub:
        from adapters.hub.open_hub import open_hub
        from mlxk import __version__

        settings = self._settings
        return partial(
            open_hub,
            configured=settings.hub.value,
            token=settings.hf_token.value,
            user_agent=f"mlxk/{__version__}",
        )

    def pull(self, inspect: InspectModel, open_hub: OpenHub) -> PullModel:
        from application.hub.pull_model import PullModel

        return PullModel(self._stores, inspect, open_hub, self._cache(), self._judge())

    def verify(self, resolve: ResolveModel, open_hub: OpenHub) -> VerifyModel:
        from application.hub.verify_model import VerifyModel

        return VerifyModel(resolve, open_hub, self._cache())

    def search(self, open_hub: OpenHub) -> SearchHub:
        from application.hub.search_hub import SearchHub

        return SearchHub(open_hub, self._judge())

    def show(self, open_hub: OpenHub) -> ShowRemote:
        from application.hub.show_remote import ShowRemote

        return ShowRemote(open_hub, self._judge())

    def outdated(self, open_hub: OpenHub) -> FindOutdated:
        from application.hub.find_outdated import FindOutdated

        return FindOutdated(self._stores, open_hub)

    def prune(self, filesystem: FileSystem, locks: FileLocks) -> PruneCache:
        from adapters.hub.leftovers import HubCacheLeftovers
        from application.hub.prune_cache import PruneCache

        leftovers = HubCacheLeftovers(self._settings.hf_cache_dir.value)
        return PruneCache(self._stores, leftovers, filesystem, locks)

    def shared(self) -> ModelHub:
        """The user's own cache, as a hub for others. Raises ModelNotFound when there is no cache folder."""
        from adapters.hub.directory_hub import DirectoryHub

        return DirectoryHub(self._settings.hf_cache_dir.value)

    def _cache(self) -> SnapshotCache:
        from adapters.hub.hub_cache import HubCache

        return HubCache(self._settings.hf_cache_dir.value)

    def _judge(self) -> JudgeRemote:
        from adapters.hub.sketches import TemporarySketches
        from application.hub.judge_remote import JudgeRemote

        return JudgeRemote(TemporarySketches(), _stores_at, self._libraries, self._memory)


def _stores_at(folder: PurePath) -> ModelStores:
    """Another cache folder, beside no workspaces."""
    from adapters.builtin_model import builtin_model_folder
    from adapters.model_store.builtin import BuiltinStore
    from adapters.model_store.hf_cache import HfCacheStore
    from adapters.model_store.workspace import WorkspaceStore
    from application.catalog.stores import ModelStores

    return ModelStores(WorkspaceStore(None), HfCacheStore(Path(folder)), BuiltinStore(builtin_model_folder()))
