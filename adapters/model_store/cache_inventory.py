"""Which files of the hub's cache belong to a model, and which to one of its revisions alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from domain.catalog.location import LocatedModel
from domain.catalog.removal import CacheContents
from domain.errors import AccessDenied


class HfCacheInventory:
    """CacheInventory over the cache folder that an HfCacheStore reads."""

    def __init__(self, cache_folder: Path) -> None:
        self._root = Path(os.path.abspath(cache_folder))  # noqa: PTH100 - links stay links

    def contents(self, location: LocatedModel, revision: str | None) -> CacheContents:
        repo = self._repo(location)
        revisions = sorted(path.name for path in _children(repo / "snapshots"))
        others = [name for name in revisions if name != revision]
        if revision is None or not others:
            return self._whole(repo)
        snapshot = repo / "snapshots" / revision
        blobs, plain_bytes = self._only_used_by(snapshot, [repo / "snapshots" / name for name in others])
        return CacheContents(
            root=self._root,
            refs=tuple(path for path in _files_below(repo / "refs") if _first_word(path) == revision),
            snapshots=(snapshot,),
            blobs=tuple(blobs),
            rest=(),
            freed_bytes=plain_bytes + sum(_size(blob) for blob in blobs),
            lock_files=self._lock_files(repo),
            kept_revisions=tuple(others),
        )

    def _repo(self, location: LocatedModel) -> Path:
        path = Path(location.path)
        repo = path if location.revision is None else path.parent.parent
        return self._root / repo.name

    def _whole(self, repo: Path) -> CacheContents:
        locks = self._root / ".locks" / repo.name
        if repo.is_symlink():
            return CacheContents(self._root, (), (), (), (repo,), 0, self._lock_files(repo))
        return CacheContents(
            root=self._root,
            refs=(repo / "refs",),
            snapshots=(repo / "snapshots",),
            blobs=(repo / "blobs",),
            rest=(repo, locks) if locks.is_dir() else (repo,),
            freed_bytes=sum(_size(path) for path in _files_below(repo)),
            lock_files=self._lock_files(repo),
        )

    def _lock_files(self, repo: Path) -> tuple[Path, ...]:
        return tuple(_files_below(self._root / ".locks" / repo.name))

    def _only_used_by(self, snapshot: Path, others: list[Path]) -> tuple[list[Path], int]:
        """Blobs that only this snapshot links to, and the bytes of its files that are no links."""
        blobs_folder = snapshot.parent.parent / "blobs"
        mine: set[Path] = set()
        plain_bytes = 0
        for path in _files_below(snapshot):
            if path.is_symlink():
                mine.update(_blob(path, blobs_folder))
            else:
                plain_bytes += _size(path)
        try:
            used = {blob for other in others for path in _files_below(other) for blob in _blob(path, blobs_folder)}
        except AccessDenied:
            return [], plain_bytes
        return sorted(mine - used), plain_bytes


def _blob(link: Path, blobs_folder: Path) -> Iterator[Path]:
    """The blob that a link points at, when it is one of this model's."""
    if not link.is_symlink():
        return
    target = Path(os.path.normpath(link.parent / os.readlink(link)))  # noqa: PTH115
    if target.parent == blobs_folder and target.name not in ("", ".", ".."):
        yield target


def _files_below(folder: Path) -> Iterator[Path]:
    """Files and links, whatever they point at; nothing when the folder is not there. Links to folders are not followed.

    Raises AccessDenied for a folder that cannot be read: what is in it might be in use.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as fault:
        raise AccessDenied(f"{folder} cannot be read: {fault.strerror}") from fault
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        else:
            yield Path(entry.path)


def _children(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as fault:
        raise AccessDenied(f"{folder} cannot be read: {fault.strerror}") from fault


def _size(path: Path) -> int:
    try:
        facts = path.lstat()
    except OSError:
        return 0
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0


def _first_word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")[:100].strip()
    except OSError:
        return ""
