"""What may be spent on remembering prompts, where the user has not said it."""

from __future__ import annotations

from pathlib import PurePath

from domain.serving.load_options import PrefixCacheBudget

MEMORY_PERCENT = 10
MOST_BYTES = 2 * 2**30


def default_ram_bytes(total_memory_bytes: int | None) -> int:
    """A tenth of the memory, at most 2 GiB; that where the system does not tell its memory."""
    if total_memory_bytes is None:
        return MOST_BYTES
    return min(MOST_BYTES, total_memory_bytes * MEMORY_PERCENT // 100)


def prefix_cache_budget(
    ram_bytes: int | None, disk_bytes: int, folder: PurePath, total_memory_bytes: int | None
) -> PrefixCacheBudget:
    """ram_bytes None: as usual; 0: off, as for the disk."""
    memory = default_ram_bytes(total_memory_bytes) if ram_bytes is None else ram_bytes
    return PrefixCacheBudget(memory, disk_bytes, folder if disk_bytes else None)
