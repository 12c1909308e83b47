"""The files of a model that is to be copied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.catalog.location import LocatedModel


@dataclass(frozen=True, slots=True)
class SourceFile:
    """path: relative, `/`. real: where its content lies. link: where it leads, relative to its folder, when it is a
    link that stays inside a workspace; then size and time are 0.
    """

    path: str
    real: Path
    size_bytes: int
    mtime_ns: int
    link: str | None = None


class SourceFiles(Protocol):
    def of(self, location: LocatedModel) -> tuple[SourceFile, ...]:
        """Every file of the model, sorted by path, but for what belongs to one place only (the sentinel, `.hf_cache`,
        `.git`). Raises ModelUnhealthy, naming the file, for a link that leads nowhere or out of the model's own folder.
        """
