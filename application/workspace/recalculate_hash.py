"""Write down anew what a workspace holds, or look into its tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from domain.errors import InvalidRequest, ModelUnhealthy
from domain.workspace.cleanliness import FoundFile
from domain.workspace.content_hash import FileRecord, Unhashable, aggregate
from domain.workspace.exclusion import Exclusion
from domain.workspace.sentinel import Fingerprint, Sentinel
from ports.workspace_files import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class DeepHash:
    """clean: whether it equals the one written down; None when none was."""

    value: str
    clean: bool | None


class RecalculateHash:
    """now: UTC-aware."""

    def __init__(self, files: WorkspaceFiles, now: Callable[[], datetime]) -> None:
        self._files = files
        self._now = now

    def execute(self, folder: PurePath, *, deep: bool = False) -> Fingerprint:
        """Store the hash of what lies there, under the frozen excludes. deep: store that of the tensors beside it.

        Raises InvalidRequest for a folder that mlxk does not manage, ModelUnhealthy for one that can have no hash.
        """
        sentinel = self._managed(folder)
        records = self._records(folder, sentinel.excludes, self._files.hash)
        fingerprint = Fingerprint.of(records, sentinel.excludes, self._now())
        changed = sentinel.with_fingerprint(fingerprint)
        if deep:
            changed = changed.replacing(deep_hash=self._deep(folder, sentinel))
        elif changed.content_hash != sentinel.content_hash:
            changed = changed.replacing(deep_hash=None)
        self._files.write_sentinel(folder, changed)
        return fingerprint

    def deep_hash(self, folder: PurePath) -> DeepHash:
        """The hash over every byte, compared with the one written down; writes nothing. Raises as `execute`."""
        sentinel = self._managed(folder)
        value = self._deep(folder, sentinel)
        return DeepHash(value, None if sentinel.deep_hash is None else value == sentinel.deep_hash)

    def _deep(self, folder: PurePath, sentinel: Sentinel) -> str:
        return aggregate(self._records(folder, sentinel.excludes, self._files.hash_deep))

    def _records(
        self, folder: PurePath, excludes: tuple[str, ...], hashed: Callable[[PurePath, FoundFile], FileRecord]
    ) -> tuple[FileRecord, ...]:
        try:
            return tuple(hashed(folder, each) for each in self._files.look(folder, Exclusion(excludes)))
        except Unhashable as fault:
            raise ModelUnhealthy(
                f"{folder} can have no content hash: {fault}", hint=f"see `mlxk health {folder}`", param="model"
            ) from fault

    def _managed(self, folder: PurePath) -> Sentinel:
        sentinel = self._files.sentinel(folder)
        if sentinel is None:
            raise InvalidRequest(
                f"{folder} is not managed by mlxk: it has no sentinel to write a hash into",
                hint="`mlxk clone` or `mlxk convert` make managed workspaces",
                param="model",
            )
        return sentinel
