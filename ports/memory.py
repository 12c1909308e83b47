"""The machine's memory."""

from __future__ import annotations

from typing import Protocol

from domain.serving.memory_policy import DeviceMemory


class MemoryProbe(Protocol):
    """Thread-safe; every call looks afresh."""

    def read(self) -> DeviceMemory | None:
        """What there is now; None when this system does not tell. Never raises."""
