"""Where a model lies, once a name has been resolved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath


class ModelSource(StrEnum):
    """Which store a model comes from."""

    CACHE = "cache"
    WORKSPACE = "workspace"
    BUILTIN = "builtin"


@dataclass(frozen=True, slots=True)
class LocatedModel:
    """One model folder, ready to be read or loaded.

    name: the name machines see (`org/name`; a workspace: its folder's name or path as it was asked for).
    path: absolute folder that holds config.json (for the cache: the snapshot folder; its files may be symlinks
    into blobs/). revision: 40-hex snapshot name, or None outside the cache.
    Two spellings of one model resolve to equal `identity` values.
    """

    name: str
    path: PurePath
    source: ModelSource
    revision: str | None = None

    @property
    def identity(self) -> str:
        """What tells two models apart, however they were spelled: the folder itself."""
        return str(self.path)

    @property
    def key(self) -> str:
        """What tells entries of a catalog apart: one folder may be there as a cached model and as a workspace."""
        return f"{self.source.value} {self.path}"
