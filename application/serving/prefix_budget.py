"""What this machine may spend on remembering prompts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from domain.catalog.location import LocatedModel
from domain.serving.load_options import PrefixCacheBudget
from domain.serving.load_plan import LoadPlan
from domain.serving.load_wishes import LoadWishes
from domain.serving.prefix_budget import prefix_cache_budget
from ports.memory import MemoryProbe


def budget_here(ram_bytes: int | None, disk_bytes: int, folder: PurePath, probe: MemoryProbe) -> PrefixCacheBudget:
    """ram_bytes None: as usual for a machine with so much memory."""
    memory = probe.read() if ram_bytes is None else None
    return prefix_cache_budget(ram_bytes, disk_bytes, folder, None if memory is None else memory.total_bytes)


def remembering(
    plan: Callable[[LocatedModel, LoadWishes], LoadPlan], budget: PrefixCacheBudget
) -> Callable[[LocatedModel, LoadWishes], LoadPlan]:
    """The same plans, with so much to remember prompts in."""

    def planned(model: LocatedModel, wishes: LoadWishes) -> LoadPlan:
        found = plan(model, wishes)
        return replace(found, options=replace(found.options, prefix_cache=budget))

    return planned
