"""Remove a cached model, or one revision of it: plan, show, execute."""

from __future__ import annotations

from contextlib import nullcontext
from shlex import quote

from application.catalog.resolve_model import ResolveModel
from application.catalog.stores import ModelStores
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.model_ref import ModelRef
from domain.catalog.removal import Removal, RemovalPlan
from domain.errors import InvalidRequest
from ports.cache_inventory import CacheInventory
from ports.filesystem import FileLocks, FileSystem
from ports.prefix_store import PrefixStore


class RemoveModel:
    def __init__(
        self,
        stores: ModelStores,
        inventory: CacheInventory,
        filesystem: FileSystem,
        locks: FileLocks,
        prompts: PrefixStore,
    ) -> None:
        self._resolve = ResolveModel(stores)
        self._inventory = inventory
        self._filesystem = filesystem
        self._locks = locks
        self._prompts = prompts

    def plan(self, spec: str) -> RemovalPlan:
        """What `execute` would delete; nothing is touched. `name@revision` plans that revision alone.

        Raises ModelNotFound, AmbiguousModel, AccessDenied, and InvalidRequest for what is not in the cache.
        """
        ref = ModelRef.parse(spec)
        location = self._resolve.execute(spec)
        _require_cached(location)
        wanted = location.revision if ref.revision else None
        contents = self._inventory.contents(location, wanted)
        revision = wanted if contents.kept_revisions else None
        return RemovalPlan(
            location=location,
            revision=revision,
            spelled_out=location.name == ref.name,
            contents=contents,
            held_locks=self._locks.held(contents.lock_files),
            prompts=tuple(
                each
                for each in self._prompts.stored()
                if each.source == ModelSource.CACHE.value and each.model == location.name
                if revision is None or each.revision == revision
            ),
        )

    def execute(self, plan: RemovalPlan, *, force: bool = False) -> Removal:
        """Delete what was planned. What makes the model incomplete goes first, so that a run that was cut short leaves
        none that claims to be whole; snapshots go after their blobs and refs, which a second run finds through them.
        What is remembered of its prompts goes first of all: nobody could name it once the model is gone.

        force: delete although a download holds its locks. Raises Conflict when one does, AccessDenied.
        """
        contents = plan.contents
        paths = (*contents.first, *contents.blobs, *contents.refs, *contents.snapshots, *contents.rest)
        for path in paths:
            self._filesystem.require_removable(path)
        with nullcontext() if force else self._locks.hold(contents.lock_files):
            self._prompts.clear(plan.prompts)
            for path in paths:
                self._filesystem.remove_tree(path)
        return Removal(
            plan=plan,
            removed_paths=sum(map(len, (contents.refs, contents.snapshots, contents.blobs, contents.rest))),
            lock_files_removed=len(contents.lock_files) if plan.whole_model else 0,
        )


def _require_cached(location: LocatedModel) -> None:
    if location.source is ModelSource.WORKSPACE:
        raise InvalidRequest(
            f"{location.name} is a workspace: mlxk removes only models in the cache",
            hint=f"a workspace is a folder of your own: rm -rf {quote(str(location.path))}",
            param="model",
            detail={"kind": "workspace_model"},
        )
    if location.source is ModelSource.BUILTIN:
        raise InvalidRequest(
            f"{location.name} comes with mlxk and cannot be removed",
            hint="it is part of the installed package",
            param="model",
            detail={"kind": "builtin_model"},
        )
