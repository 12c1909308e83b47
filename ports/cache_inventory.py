"""What a cached model consists of."""

from __future__ import annotations

from typing import Protocol

from domain.catalog.location import LocatedModel
from domain.catalog.removal import CacheContents


class CacheInventory(Protocol):
    """Reads, never writes."""

    def contents(self, location: LocatedModel, revision: str | None) -> CacheContents:
        """What would go with the model, or with one revision of it: blobs that another revision uses stay.

        The last revision is the whole model. Where another revision cannot be read, no blob is given up. Raises
        AccessDenied when the model itself cannot be read.
        """
