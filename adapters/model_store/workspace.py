"""Workspaces: models in folders of one's own, found by path or by name in the workspace home."""

# Paths are strings here: this runs for every model of a listing, and pathlib would take most of the time.
# ruff: noqa: PTH100, PTH111, PTH112, PTH120

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from adapters.model_store.folder_scan import scan_folder
from adapters.model_store.manifest_reader import read_manifest
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import CONFIG, FolderListing, ModelManifest
from domain.catalog.model_ref import ModelRef
from domain.catalog.printable import printable
from domain.catalog.resolution import Snapshot

TEST_MARKER = "TEST-CACHE-SENTINEL"


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

    def locate(self, name: str, revision: str | None = None) -> LocatedModel | None:
        if self._home is None or revision is not None or name not in _workspaces_in(self._home):
            return None
        return _located(f"{self._home}/{name}", name)

    def snapshots(self, name: str) -> Sequence[Snapshot]:  # noqa: ARG002 - a workspace keeps no revisions
        return ()

    def listing(self, location: LocatedModel) -> FolderListing:
        return scan_folder(str(location.path))

    def read(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelManifest:
        return read_manifest(str(location.path), self.listing(location) if listing is None else listing)

    def locate_path(self, ref: ModelRef) -> LocatedModel | None:
        folder = _expanded(ref.name)
        return _located(folder, ref.name) if _is_workspace(folder) else None

    def locate_pattern(self, pattern: str) -> Sequence[LocatedModel]:
        folder = _expanded(pattern)
        if _is_workspace(folder):
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


def _workspaces_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except (OSError, ValueError):
        return []
    return [name for name in names if TEST_MARKER not in name and _is_workspace(f"{folder}/{name}")]
