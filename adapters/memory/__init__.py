"""How much memory this machine has and what is left of it."""

from __future__ import annotations

from adapters.memory.darwin import DarwinMemoryProbe
from adapters.memory.linux import LinuxMemoryProbe
from adapters.memory.processes import ProcProcessMemory, PsProcessMemory

__all__ = [
    "DarwinMemoryProbe",
    "LinuxMemoryProbe",
    "ProcProcessMemory",
    "PsProcessMemory",
    "memory_probe_for",
    "process_memory_for",
]


def memory_probe_for(platform: str) -> DarwinMemoryProbe | LinuxMemoryProbe:
    """platform: as sys.platform says it. Anything that is not macOS is asked the Linux way, and may not answer."""
    return DarwinMemoryProbe() if platform == "darwin" else LinuxMemoryProbe()


def process_memory_for(platform: str) -> ProcProcessMemory | PsProcessMemory:
    """platform: as sys.platform says it."""
    return ProcProcessMemory() if platform == "linux" else PsProcessMemory()
