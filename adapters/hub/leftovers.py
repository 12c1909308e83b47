"""CacheLeftovers over the hub's cache folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from adapters.hub.layout import INCOMPLETE, RANGES, CacheLayout
from domain.hub.file_names import is_blob_name, is_commit
from domain.hub.prune_plan import Leftover, LeftoverKind, ModelLeftovers


class HubCacheLeftovers:
    """Stateless."""

    def __init__(self, cache: Path) -> None:
        self._cache = Path(os.path.abspath(cache))  # noqa: PTH100 - links stay links

    def of(self, name: str) -> ModelLeftovers:
        layout = CacheLayout(self._cache, name)
        if layout.folder.is_symlink() or not layout.folder.is_dir():
            return ModelLeftovers(name, self._cache, ())
        snapshots = sorted(path for path in _entries(layout.snapshots) if path.is_dir() and not path.is_symlink())
        named = set(_commits_of_refs(layout.refs))
        kept = [path for path in snapshots if path.name in named] or snapshots
        old = [path for path in snapshots if path not in kept and is_commit(path.name)]
        kept += [path for path in snapshots if path not in kept and path not in old]
        items = [Leftover(LeftoverKind.OLD_REVISION, path, 0) for path in old]
        items += [Leftover(LeftoverKind.OLD_REVISION, layout.tree(path.name), 0) for path in old]
        items += self._blobs(layout, kept, old)
        if not snapshots and not any(is_blob_name(path.name) for path in _entries(layout.blobs)):
            items += self._whole(layout)
        return ModelLeftovers(
            name=name,
            root=self._cache,
            items=tuple(item for item in items if os.path.lexists(item.path)),
            lock_files=tuple(sorted(_entries(layout.locks))),
            kept_revisions=tuple(path.name for path in kept),
        )

    def _blobs(self, layout: CacheLayout, kept: list[Path], old: list[Path]) -> Iterator[Leftover]:
        used, unsure = _blobs_used(kept)
        formerly, _ = _blobs_used(old)
        for path in sorted(_entries(layout.blobs)):
            if path.name.endswith((INCOMPLETE, RANGES)):
                yield Leftover(LeftoverKind.PARTIAL_DOWNLOAD, path, _size(path))
            elif kept and not unsure and is_blob_name(path.name) and path.name not in used:
                kind = LeftoverKind.OLD_REVISION if path.name in formerly else LeftoverKind.ORPHAN
                yield Leftover(kind, path, _size(path))

    def _whole(self, layout: CacheLayout) -> Iterator[Leftover]:
        """A model of which nothing but a first, interrupted download is here goes altogether; its folder last."""
        yield Leftover(LeftoverKind.PARTIAL_DOWNLOAD, layout.folder, 0)


def _blobs_used(snapshots: list[Path]) -> tuple[set[str], bool]:
    """The blobs that these snapshots link to, and whether some of it could not be read."""
    used: set[str] = set()
    unsure: list[OSError] = []
    for snapshot in snapshots:
        for place, folders, files in os.walk(snapshot, onerror=unsure.append):
            for path in (Path(place) / name for name in (*folders, *files)):
                if path.is_symlink():
                    used.add(path.readlink().name)
    return used, bool(unsure)


def _commits_of_refs(refs: Path) -> Iterator[str]:
    for place, _, files in os.walk(refs):
        for path in (Path(place) / name for name in files):
            try:
                yield path.read_text(encoding="ascii", errors="replace")[:100].strip()
            except OSError:
                continue  # a ref that cannot be read keeps nothing by itself


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    """What it occupies: a partial download has holes."""
    try:
        facts = path.lstat()
    except OSError:
        return 0
    return min(facts.st_size, facts.st_blocks * 512) if stat.S_ISREG(facts.st_mode) else 0
