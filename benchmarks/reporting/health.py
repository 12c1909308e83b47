"""Whether the machine was fit to be measured on. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

GIB = 2**30
SWAP_BYTES = 100 * 2**20  # what an idle machine may have put away without having been short
FREE_SHARE = 0.1
ROOM_FACTOR = 1.2  # a text model needs its size and a fifth on top: the portfolio's rule
CLEAN, SWAP, ZOMBIES, MEMORY = "clean", "degraded_swap", "degraded_zombies", "degraded_memory"

_MEMINFO = re.compile(r"^(SwapTotal|SwapFree):\s+(\d+) kB$", re.MULTILINE | re.ASCII)
_SWAP_USAGE = re.compile(r"used = ([\d.]+)([KMGT]?)", re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True)
class SystemMemory:
    """swap_bytes: in use. free_bytes: to be had without swapping. None: the system does not say."""

    swap_bytes: int | None
    free_bytes: int | None
    total_bytes: int | None


@dataclass(frozen=True)
class Health:
    """Before a test. zombies: processes that should have gone."""

    memory: SystemMemory
    zombies: int


def quality_flags(health: Health, model_bytes: int | None) -> list[str]:
    """model_bytes: size of the model that the test is about to load, if any."""
    flags, memory = [], health.memory
    if memory.swap_bytes is not None and memory.swap_bytes > SWAP_BYTES:
        flags.append(SWAP)
    if health.zombies:
        flags.append(ZOMBIES)
    if memory.free_bytes is not None and memory.free_bytes < _wanted(memory.total_bytes, model_bytes):
        flags.append(MEMORY)
    return flags or [CLEAN]


def _wanted(total_bytes: int | None, model_bytes: int | None) -> float:
    return max(FREE_SHARE * (total_bytes or 0), ROOM_FACTOR * (model_bytes or 0))


def swap_from_meminfo(text: str) -> int | None:
    """Bytes in use, from /proc/meminfo."""
    facts = {name: int(kib) * 1024 for name, kib in _MEMINFO.findall(text)}
    if len(facts) < 2:
        return None
    return facts["SwapTotal"] - facts["SwapFree"]


def swap_from_sysctl(text: str) -> int | None:
    """Bytes in use, from `sysctl -n vm.swapusage`: `total = 2048.00M  used = 1021.75M  free = 1026.25M`."""
    found = _SWAP_USAGE.search(text)
    return int(float(found[1]) * 1024 ** _POWERS[found[2]]) if found else None
