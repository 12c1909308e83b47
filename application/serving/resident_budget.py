"""What all loaded models together may take."""

from __future__ import annotations

import sys

from domain.serving.memory_policy import USER_LIMIT_PERCENT
from ports.memory import MemoryProbe


def resident_budget(probe: MemoryProbe) -> int:
    """Bytes; without limit where the system does not tell its memory."""
    memory = probe.read()
    return sys.maxsize if memory is None else memory.total_bytes * USER_LIMIT_PERCENT // 100
