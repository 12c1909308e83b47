"""The model that comes with mlxk, as a store of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.model_store.folder_scan import scan_folder
from domain.catalog.listing import CONFIG, FolderListing
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.resolution import Snapshot

if TYPE_CHECKING:
    from domain.catalog.manifest import ModelManifest

ORGANISATION = "mlxk"


class BuiltinStore:
    """ModelStore. folder: the built-in model; its name is `mlxk/<folder>`. Empty when the folder has no config.json."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = f"{ORGANISATION}/{folder.name}"
        self._location = LocatedModel(self._name, folder, ModelSource.BUILTIN)

    @property
    def source(self) -> ModelSource:
        return ModelSource.BUILTIN

    def names(self) -> Sequence[str]:
        return [self._name] if (self._folder / CONFIG).is_file() else []

    def locate_all(self) -> Iterable[LocatedModel]:
        return [self._location for _ in self.names()]

    def locate(self, name: str, revision: str | None = None) -> LocatedModel | None:
        if revision is not None or name not in self.names():
            return None
        return self._location

    def snapshots(self, name: str) -> Sequence[Snapshot]:  # noqa: ARG002 - it has one state
        return ()

    def listing(self, location: LocatedModel) -> FolderListing:
        return scan_folder(str(location.path))

    def read(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelManifest:
        from adapters.model_store.manifest_reader import Card, read_manifest

        known = self.listing(location) if listing is None else listing
        return read_manifest(str(location.path), known, card=Card.NEVER)
