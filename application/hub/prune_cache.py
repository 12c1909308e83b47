"""Remove what the cache holds for nothing: plan, show, execute."""

from __future__ import annotations

from dataclasses import dataclass

from application.catalog.stores import ModelStores
from domain.catalog.resolution import matches_pattern
from domain.errors import Conflict
from domain.hub.prune_plan import ModelLeftovers, PrunePlan
from ports.cache_leftovers import CacheLeftovers
from ports.filesystem import FileLocks, FileSystem


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was done. skipped: models that a download has begun to work on since the plan was made."""

    plan: PrunePlan
    removed_count: int
    freed_bytes: int
    skipped: tuple[str, ...] = ()


class PruneCache:
    def __init__(
        self, stores: ModelStores, leftovers: CacheLeftovers, filesystem: FileSystem, locks: FileLocks
    ) -> None:
        self._store = stores.cache
        self._leftovers = leftovers
        self._filesystem = filesystem
        self._locks = locks

    def plan(self, pattern: str | None = None) -> PrunePlan:
        """What `execute` would remove; nothing is touched."""
        models: list[ModelLeftovers] = []
        busy: list[str] = []
        for name in sorted(self._store.names()):
            if pattern and not matches_pattern(pattern, name):
                continue
            found = self._leftovers.of(name)
            if self._locks.held(found.lock_files):
                busy.append(name)
            elif found.items:
                models.append(found)
        return PrunePlan(tuple(models), tuple(busy))

    def execute(self, plan: PrunePlan) -> Pruned:
        """Links go before the blobs they point to: a run that was cut short can be repeated. Raises AccessDenied."""
        skipped: list[str] = []
        removed = freed = 0
        for item in (each for model in plan.models for each in model.items):
            self._filesystem.require_removable(item.path)
        for model in plan.models:
            try:
                with self._locks.hold(model.lock_files):
                    for item in model.items:
                        self._filesystem.remove_tree(item.path)
            except Conflict:
                skipped.append(model.name)
                continue
            removed += len(model.items)
            freed += model.freed_bytes
        return Pruned(plan, removed, freed, tuple(skipped))
