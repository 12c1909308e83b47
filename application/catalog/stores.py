"""All the places where models lie, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from domain.catalog.location import LocatedModel, ModelSource
from ports.model_store import ModelStore, PathStore


@dataclass(frozen=True, slots=True)
class ModelStores:
    """The user's own first; the built-in model stands behind them."""

    workspaces: PathStore
    cache: ModelStore
    builtin: ModelStore

    @property
    def users(self) -> tuple[ModelStore, ...]:
        return (self.workspaces, self.cache)

    @property
    def every(self) -> tuple[ModelStore, ...]:
        return (self.workspaces, self.cache, self.builtin)

    def of(self, location: LocatedModel) -> ModelStore:
        """The store that can read this model."""
        match location.source:
            case ModelSource.WORKSPACE:
                return self.workspaces
            case ModelSource.CACHE:
                return self.cache
            case ModelSource.BUILTIN:
                return self.builtin
