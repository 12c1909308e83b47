"""The MLX libraries of this environment."""

from __future__ import annotations

from typing import Protocol

from domain.catalog.libraries import InstalledLibraries


class LibraryInspector(Protocol):
    """Looks at what is installed without importing it. Thread-safe; may remember its answers as long as it lives."""

    def fingerprint(self) -> str:
        """Changes whenever `installed` may answer differently. Cheap: a few stats."""

    def installed(self) -> InstalledLibraries:
        """What each library can load. A library that is absent or cannot be understood is None, never an error."""
