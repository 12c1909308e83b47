"""One place where models lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from domain.catalog.listing import FolderListing
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.model_ref import ModelRef
from domain.catalog.resolution import Snapshot

if TYPE_CHECKING:
    from domain.catalog.manifest import ModelManifest


class ModelStore(Protocol):
    """Reads, never writes. Whatever lies on the disk, no call raises for it: what is broken becomes a fact of the
    listing or manifest, what is absent an empty answer. Thread-safe; nothing is remembered between calls.
    """

    @property
    def source(self) -> ModelSource:
        """What its models are marked with."""

    def names(self) -> Sequence[str]:
        """Every model here by full name, in no order. Costs one look at a folder, whatever the models hold."""

    def locate_all(self) -> Iterable[LocatedModel]:
        """Every model here, as `locate` would find it by name, in no order."""

    def locate(self, name: str, revision: str | None = None) -> LocatedModel | None:
        """The model of exactly this full name, without looking at any other; None when it is not here.

        revision: one that `snapshots` told; None lets the store choose (domain.catalog.resolution.default_snapshot).
        A model without any snapshot is located too, so that its health can be told.
        """

    def snapshots(self, name: str) -> Sequence[Snapshot]:
        """The revisions of a model, () for stores that keep none."""

    def listing(self, location: LocatedModel) -> FolderListing:
        """What stat tells of a model of this store."""

    def read(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelManifest:
        """All facts. listing: what `listing` just told, to spare a second look."""


class PathStore(ModelStore, Protocol):
    """A store whose models can also be named by their folder."""

    def locate_path(self, ref: ModelRef) -> LocatedModel | None:
        """The model in the folder that `ref.name` says; None when there is no config.json.

        `~` and relative paths mean what a shell means. The location's name is the path as it was typed.
        """

    def locate_pattern(self, pattern: str) -> Sequence[LocatedModel]:
        """A path pattern: the model in that folder; else the models directly inside it; else those beside it whose
        names begin like it. Names mirror the pattern: relative in, relative out. Sorted by name.
        """
