"""What a process holds of the machine's memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol


class ProcessMemory(Protocol):
    """Thread-safe; every call looks afresh."""

    def resident_bytes(self, process_ids: Iterable[int]) -> Mapping[int, int]:
        """By process; without those that have ended, or that the system does not tell of. Never raises."""
