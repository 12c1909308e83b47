"""The prompts that are remembered on the disk: look at them, forget them."""

from __future__ import annotations

from dataclasses import dataclass

from domain.catalog.resolution import match_names
from domain.errors import AmbiguousModel, ModelNotFound
from domain.serving.load_options import PrefixCacheBudget
from domain.serving.stored_prompts import StoredPrompts, total_bytes
from ports.prefix_store import PrefixStore


@dataclass(frozen=True, slots=True)
class PromptCacheView:
    """budget: what a server started now would spend."""

    budget: PrefixCacheBudget
    stored: tuple[StoredPrompts, ...]

    @property
    def size_bytes(self) -> int:
        return total_bytes(self.stored)


@dataclass(frozen=True, slots=True)
class ClearPlan:
    """What would be forgotten."""

    stored: tuple[StoredPrompts, ...]

    @property
    def size_bytes(self) -> int:
        return total_bytes(self.stored)


class PromptCache:
    def __init__(self, store: PrefixStore, budget: PrefixCacheBudget) -> None:
        self._store = store
        self._budget = budget

    def show(self) -> PromptCacheView:
        return PromptCacheView(self._budget, tuple(self._store.stored()))

    def plan_clear(self, model: str | None) -> ClearPlan:
        """model None: everything. The model itself need not be here any more. Raises ModelNotFound, AmbiguousModel."""
        stored = tuple(self._store.stored())
        if model is None:
            return ClearPlan(stored)
        names, _ = match_names(model, {each.model for each in stored})
        if not names:
            raise ModelNotFound(
                f"no prompts of {model!r} are remembered on the disk", hint="`mlxk cache` lists what is", param="model"
            )
        if len(names) > 1:
            raise AmbiguousModel(
                f"{model!r} can mean {len(names)} models: {', '.join(names)}",
                hint="name one of them in full",
                matches=list(names),
            )
        return ClearPlan(tuple(each for each in stored if each.model == names[0]))

    def clear(self, plan: ClearPlan) -> int:
        """The bytes that went. Raises AccessDenied."""
        return self._store.clear(plan.stored)
