"""Remembered prompts on the disk, as the command line sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.serving.stored_prompts import StoredPrompts


class PrefixStore(Protocol):
    """Names and sizes of files are looked at, nothing of what is in them. Any thread."""

    def stored(self) -> Sequence[StoredPrompts]:
        """Of all models, by name; [] where nothing was ever remembered."""

    def clear(self, prompts: Sequence[StoredPrompts]) -> int:
        """Remove them; the bytes that went. What is gone already is no error. A process that is using them forgets what
        it has of them in memory too, at its next request. Raises AccessDenied.
        """
