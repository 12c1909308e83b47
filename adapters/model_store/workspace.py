"""Workspaces: models in folders of one's own, found by path or by name in the workspace home."""

# Paths are strings here: this runs for every model of a listing, and pathlib would take most of the time.
# ruff: noqa: PTH100, PTH111, PTH112, PTH120

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.model_store.folder_scan import folders_in, scan_folder
from domain.catalog.listing import CONFIG, FolderListing
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.model_ref import ModelRef
from domain.catalog.printable import printable
from domain.catalog.resolution import Snapshot

if TYPE_CHECKING:
    from domain.catalog.manifest import ModelManifest

TEST_MARKER = "TEST-CACHE-SENTINEL"
# Where the hub library keeps the beginning of a file that it loads into a named folder (`hf download --local-dir`).
DOWNLOADS = ".cache/huggingface/download"


class WorkspaceStore:
    """PathStore. home: the folder whose children can be named without a path; None when there is none.

    A location's path has its links resolved, so that two spellings of one folder are one model.
    """

    def __init__(self, home: Path | None) -> None:
        self._home = None if home is None else os.path.abspath(home)

    @property
    def source(self) -> ModelSource:
        return ModelSource.WORKSPACE

    def names(self) -> Sequence[str]:
        return [] if self._home is None else _workspaces_in(self._home)

    def locate_all(self) -> Iterable[LocatedModel]:
        return [_located(f"{self._home}/{name}", name) for name in self.names()]

    def locate(self, name: str, revision: str | None = None) -> LocatedModel | None:
        if self._home is None or revision is not None or name not in _workspaces_in(self._home):
            return None
        return _located(f"{self._home}/{name}", name)

    def snapshots(self, name: str) -> Sequence[Snapshot]:  # noqa: ARG002 - a workspace keeps no revisions
        return ()

    def listing(self, location: LocatedModel) -> FolderListing:
        path = str(location.path)
        return scan_folder(path, _incomplete_downloads(path) * "incomplete ")

    def read(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelManifest:
        from adapters.model_store.manifest_reader import read_manifest

        path = str(location.path)
        known = self.listing(location) if listing is None else listing
        return read_manifest(path, known, incomplete_downloads=_incomplete_downloads(path))

    def locate_path(self, ref: ModelRef) -> LocatedModel | None:
        folder = _expanded(ref.name)
        return _located(folder, ref.name) if _is_named_workspace(folder) else None

    def locate_pattern(self, pattern: str) -> Sequence[LocatedModel]:
        folder = _expanded(pattern)
        if _is_named_workspace(folder):
            return [_located(folder, pattern)]
        if os.path.isdir(folder):
            shown, beginning = pattern.rstrip("/") or "/", ""
        else:
            folder = os.path.dirname(folder)
            shown, _, beginning = pattern.rpartition("/")
        shown = shown if shown.endswith("/") else f"{shown}/"
        hits = sorted(name for name in _workspaces_in(folder) if name.startswith(beginning))
        return [_located(f"{folder}/{name}", f"{shown}{name}") for name in hits]


def _expanded(text: str) -> str:
    return os.path.abspath(os.path.expanduser(text))


def _located(folder: str, name: str) -> LocatedModel:
    return LocatedModel(printable(name), Path(os.path.realpath(folder)), ModelSource.WORKSPACE)


def _is_workspace(folder: str) -> bool:
    """A config.json in its root, be it a dangling link: then its health is what somebody wants to know."""
    return os.path.lexists(f"{folder}/{CONFIG}")


def _is_named_workspace(folder: str) -> bool:
    """As `_is_workspace`, for a folder that was named itself: where nobody may look, that is what is to be told."""
    try:
        os.lstat(f"{folder}/{CONFIG}")
    except PermissionError:
        return os.path.isdir(folder)
    except (OSError, ValueError):
        return False
    return True


def _incomplete_downloads(folder: str) -> int:
    """Files that the hub library began to load into this folder and has not finished."""
    return sum(name.endswith(".incomplete") for _, _, names in os.walk(f"{folder}/{DOWNLOADS}") for name in names)


def _workspaces_in(folder: str) -> list[str]:
    return [name for name in folders_in(folder) if TEST_MARKER not in name and _is_workspace(f"{folder}/{name}")]
