"""Clean, modified or unknown: what a listing says of each workspace."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from domain.catalog.location import ModelSource
from domain.catalog.report import ModelReport
from domain.errors import AccessDenied, Conflict, DiskFull, InternalError
from domain.workspace.cleanliness import Cleanliness, FoundFile, compare
from domain.workspace.content_hash import FileRecord, Unhashable, aggregate
from domain.workspace.exclusion import Exclusion
from domain.workspace.sentinel import Sentinel
from ports.workspace_files import WorkspaceFiles


@dataclass(frozen=True, slots=True)
class WorkspaceState:
    """content_hash: of what lies there now; the stored one where it is clean or unknown, None where it can have none.
    hint: what keeps the state from being known, and the way out. changed: the paths that differ.
    """

    cleanliness: Cleanliness
    content_hash: str | None = None
    hash_modified: str | None = None
    origin: str | None = None
    hint: str | None = None
    changed: tuple[str, ...] = ()


class CheckWorkspace:
    """One stat walk; a file is read only where its time has changed, and where it proves the same, the new time is
    noted in the sentinel so that it need not be read again.
    """

    def __init__(self, files: WorkspaceFiles) -> None:
        self._files = files

    def execute(self, folder: PurePath) -> WorkspaceState | None:
        """None for a workspace that mlxk does not manage. Never raises for what lies there."""
        sentinel = self._files.sentinel(folder)
        return None if sentinel is None else self._state(folder, sentinel)

    def complete(self, report: ModelReport) -> ModelReport:
        """The report with its workspace fields; any other model's report unchanged."""
        if report.location.source is not ModelSource.WORKSPACE:
            return report
        state = self.execute(report.location.path)
        if state is None:
            return report
        return dataclasses.replace(
            report,
            origin=state.origin,
            content_hash=state.content_hash,
            hash_modified=state.hash_modified,
            clean=state.cleanliness.flag,
            findings=report.findings if state.hint is None else (*report.findings, state.hint),
        )

    def _state(self, folder: PurePath, sentinel: Sentinel) -> WorkspaceState:
        written = sentinel.fingerprint()
        stored = WorkspaceState(Cleanliness.CLEAN, sentinel.content_hash, sentinel.hash_modified, sentinel.source_repo)
        if written is None:
            hint = sentinel.fingerprint_problem()
            return dataclasses.replace(stored, cleanliness=Cleanliness.UNKNOWN, hint=hint)
        found = self._files.look(folder, Exclusion(written.excludes))
        records = {each.path: each for each in written.records}
        comparison = compare(records, found)
        healed, differing = self._reread(folder, records, comparison.drifted)
        if not comparison.surely_modified and not differing:
            if healed:
                self._heal(folder, sentinel, {**records, **healed})
            return stored
        changed = sorted({*comparison.added, *comparison.missing, *comparison.changed, *differing})
        return dataclasses.replace(
            stored,
            cleanliness=Cleanliness.MODIFIED,
            content_hash=self._present_hash(folder, {**records, **healed}, found, {*changed}),
            changed=tuple(changed),
        )

    def _reread(
        self, folder: PurePath, records: dict[str, FileRecord], drifted: tuple[str, ...]
    ) -> tuple[dict[str, FileRecord], list[str]]:
        """Of the files with another time: those that prove the same, under their new time, and those that do not."""
        healed: dict[str, FileRecord] = {}
        differing: list[str] = []
        for path in drifted:
            try:
                record = self._files.hash(folder, FoundFile(path, 0, 0))
            except Unhashable:
                differing.append(path)
                continue
            if record.sha == records[path].sha and record.size_bytes == records[path].size_bytes:
                healed[path] = record
            else:
                differing.append(path)
        return healed, differing

    def _heal(self, folder: PurePath, sentinel: Sentinel, records: dict[str, FileRecord]) -> None:
        try:
            self._files.write_sentinel(folder, sentinel.with_records(records.values()))
        except (AccessDenied, DiskFull, Conflict, InternalError):
            return  # a folder that cannot be written is as clean as it was; the files are read again next time

    def _present_hash(
        self, folder: PurePath, known: dict[str, FileRecord], found: Sequence[FoundFile], changed: set[str]
    ) -> str | None:
        records = []
        for file in found:
            record = known.get(file.path)
            if record is None or file.path in changed:
                try:
                    record = self._files.hash(folder, file)
                except Unhashable:
                    return None
            records.append(record)
        return aggregate(records)
