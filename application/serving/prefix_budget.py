"""What this machine may spend on remembering prompts."""

from __future__ import annotations

from pathlib import PurePath

from domain.serving.load_options import PrefixCacheBudget
from domain.serving.prefix_budget import prefix_cache_budget
from ports.memory import MemoryProbe


def budget_here(ram_bytes: int | None, disk_bytes: int, folder: PurePath, probe: MemoryProbe) -> PrefixCacheBudget:
    """ram_bytes None: as usual for a machine with so much memory."""
    memory = probe.read() if ram_bytes is None else None
    return prefix_cache_budget(ram_bytes, disk_bytes, folder, None if memory is None else memory.total_bytes)
