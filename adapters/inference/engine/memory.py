"""How an engine is, with what MLX says of its memory."""

from __future__ import annotations

import mlx.core as mx

from adapters.inference.prefixes import Prefixes
from domain.serving.vitals import EnginePulse

SLOWEST_BYTES_PER_SECOND = 10**9


def untried_seconds() -> float:
    """What a pass over a chunk takes at the very worst with the weights that are in memory now, before it was tried."""
    return mx.get_active_memory() / SLOWEST_BYTES_PER_SECOND


def pulse_of(prefixes: Prefixes, *, running: int, reading: int, step_seconds: float) -> EnginePulse:
    held = prefixes.held
    return EnginePulse(
        running=running,
        reading=reading,
        step_seconds=step_seconds,
        active_bytes=mx.get_active_memory(),
        cache_bytes=mx.get_cache_memory(),
        peak_bytes=mx.get_peak_memory(),
        prefix_ram_bytes=None if held is None else held.ram,
        prefix_disk_bytes=0 if held is None else held.disk,
    )
