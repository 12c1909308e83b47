"""What lies in the cache and is of no use any more."""

from __future__ import annotations

from typing import Protocol

from domain.hub.prune_plan import ModelLeftovers


class CacheLeftovers(Protocol):
    """Reads, never writes."""

    def of(self, name: str) -> ModelLeftovers:
        """Of one cached model. What cannot be read with certainty is not offered; the last revision never is."""
