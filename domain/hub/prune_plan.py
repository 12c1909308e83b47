"""What can go from the cache without being missed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from domain.errors import InternalError


class LeftoverKind(StrEnum):
    """old revision: no branch or tag points to it, and another one stays. partial download: what an interrupted pull
    has left. orphan: a blob that no revision uses.
    """

    OLD_REVISION = "old revision"
    PARTIAL_DOWNLOAD = "partial download"
    ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing to remove. path: a file, or a folder to go whole. size_bytes: what it alone occupies."""

    kind: LeftoverKind
    path: PurePath
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ModelLeftovers:
    """Of one model, in the order they have to go. root: the cache, below which everything lies. lock_files: those that
    downloads of this model take. kept_revisions: what stays.
    """

    name: str
    root: PurePath
    items: tuple[Leftover, ...]
    lock_files: tuple[PurePath, ...] = ()
    kept_revisions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for item in self.items:
            if not item.path.is_relative_to(self.root) or item.path == self.root or ".." in item.path.parts:
                raise InternalError(f"{item.path} does not lie below {self.root}: nothing was deleted")

    @property
    def freed_bytes(self) -> int:
        return sum(item.size_bytes for item in self.items)


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """busy: models that a download is working on; they are left alone."""

    models: tuple[ModelLeftovers, ...]
    busy: tuple[str, ...] = ()

    @property
    def freed_bytes(self) -> int:
        return sum(model.freed_bytes for model in self.models)

    @property
    def count(self) -> int:
        return sum(len(model.items) for model in self.models)
