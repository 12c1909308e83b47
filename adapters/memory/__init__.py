"""How much memory this machine has and what is left of it."""

from __future__ import annotations

from adapters.memory.darwin import DarwinMemoryProbe
from adapters.memory.linux import LinuxMemoryProbe

__all__ = ["DarwinMemoryProbe", "LinuxMemoryProbe", "memory_probe_for"]


def memory_probe_for(platform: str) -> DarwinMemoryProbe | LinuxMemoryProbe:
    """platform: as sys.platform says it. Anything that is not macOS is asked the Linux way, and may not answer."""
    return DarwinMemoryProbe() if platform == "darwin" else LinuxMemoryProbe()
