"""SourceFiles on the local disk: a snapshot's links are followed into its blobs, and no further."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from domain.catalog.location import LocatedModel, ModelSource
from domain.errors import ModelUnhealthy
from domain.workspace.disk_faults import disk_error
from domain.workspace.exclusion import RUNTIME_CACHE, SENTINEL
from ports.source_files import SourceFile

STAYS_BEHIND = frozenset({SENTINEL, RUNTIME_CACHE, ".git"})


class LocalSourceFiles:
    """SourceFiles."""

    def of(self, location: LocatedModel) -> tuple[SourceFile, ...]:
        root = Path(location.path)
        in_cache = location.source is ModelSource.CACHE
        boundary = root.parent.parent.resolve() if in_cache else root.resolve()
        found: list[SourceFile | None] = []
        try:
            for folder, names, files in os.walk(root, onerror=_raise):
                links = [name for name in names if Path(folder, name).is_symlink()]
                names[:] = sorted(name for name in names if name not in STAYS_BEHIND and name not in links)
                found += [
                    _described(Path(folder, name), root, boundary, in_cache=in_cache)
                    for name in (*files, *links)
                    if name not in STAYS_BEHIND
                ]
        except OSError as fault:
            raise disk_error(root, fault) from fault
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.path))


def _described(path: Path, root: Path, boundary: Path, *, in_cache: bool) -> SourceFile | None:
    """None for pipes, sockets and devices, which are no part of a model."""
    name = path.relative_to(root).as_posix()
    is_link = path.is_symlink()
    real = Path(os.path.realpath(path))
    if is_link and (not real.exists() or not real.is_relative_to(boundary)):
        why = "leads nowhere" if not real.exists() else "leads out of the model's folder"
        raise ModelUnhealthy(
            f"{root}: the link {name} {why}",
            hint="`mlxk pull` the model again" if in_cache else "remove the link, or put the file in its place",
            param="model",
        )
    if is_link and not in_cache:
        return SourceFile(name, real, 0, 0, os.path.relpath(real, Path(os.path.realpath(path.parent))))
    status = real.stat()
    if not stat.S_ISREG(status.st_mode):
        return None
    return SourceFile(name, real, status.st_size, status.st_mtime_ns)


def _raise(fault: OSError) -> None:
    raise fault
