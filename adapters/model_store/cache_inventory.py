"""Which files of the hub's cache belong to a model, and which to one of its revisions alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.catalog.location import LocatedModel
from domain.catalog.manifest import CONFIG
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
            first=_first_to_go(snapshot, blobs),
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
            first=tuple(path for each in sorted(_children(repo / "snapshots")) for path in _first_to_go(each, [])),
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
            links = [path for other in others for path in _files_below(other) if path.is_symlink()]
            kept = _Kept.by(links, blobs_folder)
        except (AccessDenied, _Unclear):
            return [], plain_bytes
        return sorted(blob for blob in mine if blob not in kept), plain_bytes


class _Unclear(Exception):
    """Nobody can say which blob a link needs."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Blobs that links need, by name and by what they are: one file may be reached by many spellings of its path."""

    paths: frozenset[Path]
    identities: frozenset[tuple[int, int]]

    @classmethod
    def by(cls, links: Iterable[Path], blobs_folder: Path) -> _Kept:
        """Raises _Unclear for a link that leads to a folder, or to nothing outside the blobs."""
        paths: set[Path] = set()
        identities: set[tuple[int, int]] = set()
        for link in links:
            named = tuple(_blob(link, blobs_folder))
            paths.update(named)
            facts = _facts(link)
            if facts is not None and not stat.S_ISDIR(facts.st_mode):
                identities.add((facts.st_dev, facts.st_ino))
            elif not named:
                raise _Unclear(str(link))
        return cls(frozenset(paths), frozenset(identities))

    def __contains__(self, blob: Path) -> bool:
        facts = _facts(blob)
        return blob in self.paths or (facts is not None and (facts.st_dev, facts.st_ino) in self.identities)


def _first_to_go(snapshot: Path, blobs: list[Path]) -> tuple[Path, ...]:
    """config.json's blob, so that its link still leads a second run there; where the blob stays, the link. Nothing of a
    snapshot that is itself a link: that goes alone, and what it leads to is not ours.
    """
    if snapshot.is_symlink() or snapshot.parent.is_symlink():
        return ()
    config = snapshot / CONFIG
    return tuple(blob for blob in _blob(config, snapshot.parent.parent / "blobs") if blob in blobs) or (config,)


def _blob(link: Path, blobs_folder: Path) -> Iterator[Path]:
    """The blob that a link points at, when it is one of this model's, whether it is there or not. Folders are compared
    by what they are: the link may spell the way to them differently.
    """
    if not link.is_symlink():
        return
    folder, name = os.path.split(link.parent / os.readlink(link))  # noqa: PTH115
    if name not in ("", ".", "..") and os.path.realpath(folder) == os.path.realpath(blobs_folder):
        yield blobs_folder / name


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


def _facts(path: Path) -> os.stat_result | None:
    """Of what lies at the end of all links; None when nothing can be found there."""
    try:
        return path.stat()
    except OSError:
        return None


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
