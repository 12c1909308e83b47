"""A benchmark as a picture."""

from __future__ import annotations

from pathlib import PurePath
from typing import Protocol

from domain.bench.report import BenchmarkReport


class Chart(Protocol):
    """Draws without a screen."""

    def require(self) -> None:
        """Raises DependencyMissing when nothing can be drawn here: asked before the measuring begins."""

    def draw(self, report: BenchmarkReport, target: PurePath) -> None:
        """Write a PNG to `target`, whole or not at all; what stands there is replaced.

        Raises DependencyMissing, AccessDenied or DiskFull.
        """
