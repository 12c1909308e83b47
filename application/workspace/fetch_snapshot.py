"""Bring a model from the hub into a cache that is nobody's but the caller's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from application.hub.hubs import MAIN, OpenHub
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.model_ref import ModelRef
from domain.hub.download_plan import EVERYTHING, plan_download
from domain.hub.pull import OnProgress
from ports.snapshot_cache import SnapshotCache


@dataclass(frozen=True, slots=True)
class Fetched:
    """fetched_bytes: what came over the network now."""

    location: LocatedModel
    fetched_bytes: int


class Fetch(Protocol):
    def __call__(self, ref: ModelRef, cache: Path, progress: OnProgress) -> Fetched:
        """The model's snapshot below `cache`, whole and verified; bytes that are there already are not fetched again.

        Raises InvalidRequest (no name for the hub), AccessDenied, ModelNotFound, DownloadFailed, DiskFull.
        """


class FetchSnapshot:
    """Fetch. cache_at: the hub cache in a folder."""

    def __init__(self, open_hub: OpenHub, cache_at: Callable[[Path], SnapshotCache]) -> None:
        self._open_hub = open_hub
        self._cache_at = cache_at

    def __call__(self, ref: ModelRef, cache: Path, progress: OnProgress) -> Fetched:
        ref.require_hub_name()
        hub, store = self._open_hub(None), self._cache_at(cache)
        model = hub.describe(ref.name, ref.revision or MAIN)
        plan = plan_download(model, EVERYTHING, store.state(model))
        plan.require_space()
        folder = store.fetch(plan, hub, progress)
        location = LocatedModel(model.name, Path(folder), ModelSource.CACHE, model.commit)
        return Fetched(location, plan.fetch_bytes)
