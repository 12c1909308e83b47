"""The Hugging Face hub's cache: models--org--name/{blobs,refs,snapshots}."""

# Paths are strings here: this runs for every model of a listing, and pathlib would take most of the time.
# ruff: noqa: PTH112, PTH114, PTH208

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from adapters.model_store.folder_scan import folders_in, missing_folder, modified_ns, scan_folder
from adapters.model_store.small_files import UnreadableFile, read_limited
from domain.catalog.listing import FolderListing, utc_from_ns
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.model_ref import CACHE_PREFIX, cache_folder_name, name_from_cache_folder
from domain.catalog.printable import printable
from domain.catalog.resolution import Snapshot, default_snapshot

if TYPE_CHECKING:
    from domain.catalog.manifest import ModelManifest

TEST_MARKER = "TEST-CACHE-SENTINEL"
MAX_REF_BYTES = 100
MAX_REF_DEPTH = 4
_REVISION = re.compile(r"[0-9a-f]{40}")


class HfCacheStore:
    """ModelStore over one hub cache folder, which need not exist.

    A snapshot is a folder named by a commit, 40 hexadecimal digits in lower case. The hub library makes no others, and
    every revision that is told is one: a folder of another name in snapshots/ counts as none.
    """

    def __init__(self, cache_folder: Path) -> None:
        self._root = str(cache_folder)

    @property
    def source(self) -> ModelSource:
        return ModelSource.CACHE

    @property
    def cache_folder(self) -> Path:
        """The folder that holds the models--... folders."""
        return Path(self._root)

    def names(self) -> Sequence[str]:
        return [
            name
            for folder in folders_in(self._root)
            if folder.startswith(CACHE_PREFIX) and TEST_MARKER not in folder
            if (name := name_from_cache_folder(folder))
        ]

    def locate_all(self) -> Iterable[LocatedModel]:
        for name in self.names():
            folder = f"{self._root}/{cache_folder_name(name)}"
            yield _located(name, folder, self._default_revision(folder))

    def locate(self, name: str, revision: str | None = None) -> LocatedModel | None:
        folder = self._repo_folder(name)
        if folder is None:
            return None
        if revision is None:
            return _located(name, folder, self._default_revision(folder))
        if not _is_revision(revision) or not os.path.isdir(f"{folder}/snapshots/{revision}"):
            return None
        return _located(name, folder, revision)

    def snapshots(self, name: str) -> Sequence[Snapshot]:
        folder = self._repo_folder(name)
        return () if folder is None else self._snapshots_of(folder)

    def listing(self, location: LocatedModel) -> FolderListing:
        path, repo = str(location.path), _repo_of(location)
        blobs = str(modified_ns(f"{repo}/blobs"))
        if location.revision is not None:
            return scan_folder(path, blobs)
        return missing_folder(_why_no_snapshot(repo), blobs, modified_ns(repo))

    def read(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelManifest:
        from adapters.model_store.manifest_reader import Card, read_manifest

        incomplete = sum(blob.endswith(".incomplete") for blob in _names_in(f"{_repo_of(location)}/blobs"))
        known = self.listing(location) if listing is None else listing
        return read_manifest(str(location.path), known, incomplete_downloads=incomplete, card=Card.UNLESS_QUANTIZED)

    def _repo_folder(self, name: str) -> str | None:
        folder = cache_folder_name(name)
        path = f"{self._root}/{folder}"
        if not _is_plain(folder) or name_from_cache_folder(folder) != name or not os.path.isdir(path):
            return None
        return path if _spelled_so(self._root, folder) else None

    def _default_revision(self, folder: str) -> str | None:
        main = _main_snapshot(folder)
        if main is not None:
            return main
        found = default_snapshot(self._snapshots_of(folder))
        return found.revision if found else None

    def _snapshots_of(self, folder: str) -> Sequence[Snapshot]:
        refs: dict[str, list[str]] = {}
        for ref, revision in _refs(f"{folder}/refs"):
            refs.setdefault(revision, []).append(ref)
        return tuple(
            Snapshot(name, tuple(sorted(refs.get(name, ()))), utc_from_ns(modified_ns(f"{folder}/snapshots/{name}")))
            for name in sorted(folders_in(f"{folder}/snapshots"))
            if _is_revision(name)
        )


def _located(name: str, folder: str, revision: str | None) -> LocatedModel:
    path = folder if revision is None else f"{folder}/snapshots/{revision}"
    return LocatedModel(printable(name), PurePath(path), ModelSource.CACHE, revision)


def _repo_of(location: LocatedModel) -> str:
    path = str(location.path)
    return path if location.revision is None else path.rpartition("/snapshots/")[0]


def _main_snapshot(folder: str) -> str | None:
    """The snapshot that refs/main names, when it is there."""
    revision = _read_ref(f"{folder}/refs/main")
    if revision is None or not _is_revision(revision) or not os.path.isdir(f"{folder}/snapshots/{revision}"):
        return None
    return revision


def _why_no_snapshot(repo: str) -> str:
    try:
        os.listdir(f"{repo}/snapshots")
    except (FileNotFoundError, NotADirectoryError):
        return "No snapshots directory found"
    except (OSError, ValueError) as fault:
        return f"Snapshots directory unreadable: {getattr(fault, 'strerror', None) or fault}"
    return "No snapshots found"


def _read_ref(path: str) -> str | None:
    try:
        text = read_limited(path, MAX_REF_BYTES).decode("ascii", "replace").strip()
    except UnreadableFile:
        return None
    return text if _is_plain(text) else None


def _refs(folder: str, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every ref below a refs/ folder (`main`, `v1.0`, `pr/1`) with the revision it names."""
    for name in sorted(_names_in(folder)):
        path = f"{folder}/{name}"
        if os.path.isdir(path) and not os.path.islink(path):
            if depth < MAX_REF_DEPTH:
                yield from _refs(path, f"{prefix}{name}/", depth + 1)
            continue
        revision = _read_ref(path)
        if revision is not None:
            yield prefix + name, revision


def _is_plain(name: str) -> bool:
    """One step down a folder, never out of it."""
    return bool(name) and "/" not in name and "\0" not in name and name not in (".", "..")


def _is_revision(name: str) -> bool:
    return _REVISION.fullmatch(name) is not None


def _names_in(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (OSError, ValueError):
        return []


def _spelled_so(root: str, folder: str) -> bool:
    """On a filesystem that ignores case another spelling of the name finds the folder too; only its own counts."""
    other = folder.swapcase()
    if not os.path.lexists(f"{root}/{other}"):
        return True
    return folder in _names_in(root)
