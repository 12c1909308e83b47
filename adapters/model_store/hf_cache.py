"""The Hugging Face hub's cache: models--org--name/{blobs,refs,snapshots}."""

# Paths are strings here: this runs for every model of a listing, and pathlib would take most of the time.
# ruff: noqa: PTH112, PTH114, PTH116, PTH208

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.model_store.folder_scan import missing_folder, scan_folder
from adapters.model_store.manifest_reader import read_manifest
from adapters.model_store.small_files import UnreadableFile, read_limited
from domain.catalog.judge import utc_from_ns
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import FolderListing, ModelManifest
from domain.catalog.model_ref import CACHE_PREFIX, cache_folder_name, name_from_cache_folder
from domain.catalog.printable import printable
from domain.catalog.resolution import Snapshot, default_snapshot

TEST_MARKER = "TEST-CACHE-SENTINEL"
MAX_REF_BYTES = 100
MAX_REF_DEPTH = 4


class HfCacheStore:
    """ModelStore over one hub cache folder, which need not exist."""

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
            for folder in _folders(self._root)
            if folder.startswith(CACHE_PREFIX) and TEST_MARKER not in folder
            if (name := name_from_cache_folder(folder))
        ]

    def locate(self, name: str, revision: str | None = None) -> LocatedModel | None:
        folder = self._repo_folder(name)
        if folder is None:
            return None
        chosen = revision or _main_snapshot(folder)
        if chosen is None:
            found = default_snapshot(self._snapshots_of(folder))
            chosen = found.revision if found else None
        elif not _is_plain(chosen) or not os.path.isdir(f"{folder}/snapshots/{chosen}"):
            return None
        path = f"{folder}/snapshots/{chosen}" if chosen else folder
        return LocatedModel(printable(name), Path(path), ModelSource.CACHE, chosen)

    def snapshots(self, name: str) -> Sequence[Snapshot]:
        folder = self._repo_folder(name)
        return () if folder is None else self._snapshots_of(folder)

    def listing(self, location: LocatedModel) -> FolderListing:
        path, repo = str(location.path), _repo_of(location)
        blobs = str(_modified_ns(f"{repo}/blobs"))
        if location.revision is not None:
            return scan_folder(path, blobs)
        there = os.path.isdir(f"{repo}/snapshots")
        problem = "No snapshots found" if there else "No snapshots directory found"
        return missing_folder(problem, blobs, _modified_ns(repo))

    def read(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelManifest:
        incomplete = sum(blob.endswith(".incomplete") for blob in _names_in(f"{_repo_of(location)}/blobs"))
        known = self.listing(location) if listing is None else listing
        return read_manifest(str(location.path), known, incomplete_downloads=incomplete)

    def _repo_folder(self, name: str) -> str | None:
        folder = cache_folder_name(name)
        path = f"{self._root}/{folder}"
        if not _is_plain(folder) or name_from_cache_folder(folder) != name or not os.path.isdir(path):
            return None
        return path if _spelled_so(self._root, folder) else None

    def _snapshots_of(self, folder: str) -> Sequence[Snapshot]:
        refs: dict[str, list[str]] = {}
        for ref, revision in _refs(f"{folder}/refs"):
            refs.setdefault(revision, []).append(ref)
        return tuple(
            Snapshot(name, tuple(sorted(refs.get(name, ()))), utc_from_ns(_modified_ns(f"{folder}/snapshots/{name}")))
            for name in sorted(_folders(f"{folder}/snapshots"))
        )


def _repo_of(location: LocatedModel) -> str:
    path = str(location.path)
    return path if location.revision is None else path.rpartition("/snapshots/")[0]


def _main_snapshot(folder: str) -> str | None:
    """The snapshot that refs/main names, when it is there."""
    revision = _read_ref(f"{folder}/refs/main")
    if revision is None or not os.path.isdir(f"{folder}/snapshots/{revision}"):
        return None
    return revision


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


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except OSError:
        return []


def _names_in(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (OSError, ValueError):
        return []


def _modified_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0


def _spelled_so(root: str, folder: str) -> bool:
    """On a filesystem that ignores case another spelling of the name finds the folder too; only its own counts."""
    other = folder.swapcase()
    if not os.path.lexists(f"{root}/{other}"):
        return True
    return folder in _names_in(root)
