"""A store of models that lie nowhere. Passes tests/contracts/test_model_store_contract.py beside the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from domain.catalog.listing import FolderListing
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import ModelManifest
from domain.catalog.resolution import Snapshot, default_snapshot


class FakeModelStore:
    """models: full name to its snapshots; () for a model without revisions. manifest: what every model holds."""

    def __init__(
        self,
        models: Mapping[str, Sequence[Snapshot]],
        source: ModelSource = ModelSource.CACHE,
        manifest: ModelManifest | None = None,
    ) -> None:
        self._models = dict(models)
        self._source = source
        self._manifest = manifest

    @property
    def source(self) -> ModelSource:
        return self._source

    def names(self) -> Sequence[str]:
        return list(self._models)

    def locate_all(self) -> Iterable[LocatedModel]:
        return [location for name in self._models if (location := self.locate(name)) is not None]

    def locate(self, name: str, revision: str | None = None) -> LocatedModel | None:
        if name not in self._models:
            return None
        snapshots = self._models[name]
        if revision is None:
            chosen = default_snapshot(snapshots)
            revision = chosen.revision if chosen else None
        elif revision not in [snapshot.revision for snapshot in snapshots]:
            return None
        return LocatedModel(name, PurePosixPath("/nowhere", name, revision or ""), self._source, revision)

    def snapshots(self, name: str) -> Sequence[Snapshot]:
        return tuple(self._models.get(name, ()))

    def listing(self, location: LocatedModel) -> FolderListing:
        known = location.name in self._models
        if known and self._manifest is not None:
            return self._manifest.listing
        problem = "No snapshots found" if known else "Model path does not exist"
        return FolderListing((), problem=problem, fingerprint=f"{location.name} {problem}")

    def read(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelManifest:
        if location.name in self._models and self._manifest is not None:
            return self._manifest
        return ModelManifest(self.listing(location) if listing is None else listing)
