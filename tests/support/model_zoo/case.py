"""One model as it may lie on a disk, and what mlxk must say of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.support.model_zoo.content import Files
from tests.support.model_zoo.places import CacheBuilder, add_workspace, revision_of

TEXT = ("text-generation", "chat")
BASE = ("text-generation",)
SOUND = "Model is healthy"
COMPLETE = "Multi-file model complete"


class Place(Enum):
    CACHE = "cache"
    WORKSPACE = "workspace"


@dataclass(frozen=True)
class Case:
    """name: the model's, in the cache `org/name`, in the workspace home a folder. broken: does something to the folder
    that holds the files, after they are written. health: the exact reason; SOUND and COMPLETE are healthy. why_not: the
    runtime reason, None when it runs, "health" when it is the health reason. dropped: capabilities that do not run
    although the model does. findings: a part that one of the findings must have.
    """

    id: str
    files: Files
    name: str = ""
    place: Place = Place.CACHE
    broken: Callable[[Path], object] | None = None
    incomplete: int = 0
    health: str = SOUND
    framework: str = "MLX"
    label: str = "chat"
    capabilities: tuple[str, ...] = TEXT
    why_not: str | None = None
    backend: str = "mlx-lm"
    dropped: tuple[str, ...] = ()
    findings: str = ""
    context_length: int | None = field(default=2048)

    @property
    def model_name(self) -> str:
        if self.name:
            return self.name
        plain = self.id.replace("_", "-")
        return f"mlx-community/{plain}" if self.place is Place.CACHE else plain

    @property
    def healthy(self) -> bool:
        return self.health in (SOUND, COMPLETE)

    @property
    def reason(self) -> str | None:
        return self.health if self.why_not == "health" else self.why_not

    def build(self, cache: Path, home: Path) -> None:
        """Put it on the disk."""
        if self.place is Place.WORKSPACE:
            folder = add_workspace(home / self.model_name, self.files)
        else:
            folder = CacheBuilder(cache).add(
                self.model_name, self.files, revision=revision_of(self.id), incomplete=self.incomplete
            )
        if self.broken is not None:
            self.broken(folder)


def removed(name: str) -> Callable[[Path], None]:
    """A blob that is gone: the link to it dangles."""

    def remove(folder: Path) -> None:
        (folder / name).resolve().unlink()

    return remove


def truncated(name: str, size_bytes: int) -> Callable[[Path], None]:
    """A file that ends too early."""
    return lambda folder: os.truncate((folder / name).resolve(), size_bytes)


def fifo(name: str) -> Callable[[Path], None]:
    """A pipe, on which a careless reader waits for ever."""
    return lambda folder: os.mkfifo(folder / name)
