"""Find what is wrong with a workspace, mend it, take it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from application.catalog.resolve_model import ResolveModel
from application.workspace.check_workspace import CheckWorkspace
from application.workspace.recalculate_hash import RecalculateHash
from domain.catalog.location import LocatedModel, ModelSource
from domain.errors import Conflict, InvalidRequest, ModelUnhealthy
from domain.workspace.cleanliness import Cleanliness
from domain.workspace.diagnosis import READ, TOKENIZER, TOKENIZER_SOURCES, Finding, Patient, diagnose
from domain.workspace.patch import RECORD, FileChange, PatchRecord, merged
from domain.workspace.places import WorkspacePlaces
from domain.workspace.sentinel import stamp
from domain.workspace.shard_index import Shard
from ports.staging import Staging
from ports.template_check import TemplateCheck
from ports.tokenizer_maker import TokenizerMaker
from ports.weight_headers import WeightHeaders
from ports.workspace_files import WorkspaceFiles
from ports.workspace_locks import WorkspaceLocks


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """unfinished: a mending that a crash interrupted, which the next `fix` finishes and `undo` takes back."""

    location: LocatedModel
    findings: tuple[Finding, ...]
    unfinished: bool = False
    undoable: bool = False

    @property
    def changes(self) -> tuple[FileChange, ...]:
        """What would mend all that can be mended."""
        return merged([change for finding in self.findings for change in finding.changes])


@dataclass(frozen=True, slots=True)
class DoctorTools:
    """now: UTC-aware."""

    resolve: ResolveModel
    files: WorkspaceFiles
    headers: WeightHeaders
    templates: TemplateCheck
    tokenizers: TokenizerMaker
    locks: WorkspaceLocks
    staging: Staging
    places: WorkspacePlaces
    now: Callable[[], datetime]


class Doctor:
    """Each file is replaced whole. A record with the old and new contents is written first: a crash in the middle
    leaves a workspace that the next call finishes or takes back, never one that nobody can explain.
    """

    def __init__(self, tools: DoctorTools) -> None:
        self._tools = tools

    def examine(self, spec: str) -> Diagnosis:
        """Writes nothing. Raises InvalidRequest (no workspace), ModelNotFound, AmbiguousModel."""
        location = self._workspace(spec)
        return self._diagnosis(location, derive=False)

    def fix(self, spec: str) -> tuple[Diagnosis, Diagnosis]:
        """Mend what can be mended: what was found before, and what is left. Raises Conflict (another mlxk works on it),
        AccessDenied, DiskFull.
        """
        location = self._workspace(spec)
        folder = Path(location.path)
        with self._tools.locks.exclusive(folder):
            record = self._record(folder)
            unfinished = record if record is not None and not record.done else None
            if unfinished is not None:
                self._apply(folder, unfinished)
            before = self._diagnosis(location, derive=True)
            if before.changes:
                state = CheckWorkspace(self._tools.files).execute(folder)
                clean = state is not None and state.cleanliness is Cleanliness.CLEAN
                changes = merged([*(unfinished.changes if unfinished else ()), *before.changes])
                self._apply(folder, PatchRecord(changes, stamp(self._tools.now()), clean))
            return before, self._diagnosis(location, derive=False)

    def undo(self, spec: str) -> tuple[FileChange, ...]:
        """Take the last mending back: what was changed. Raises InvalidRequest when there is none, Conflict when a
        mended file has been edited since.
        """
        location = self._workspace(spec)
        folder = Path(location.path)
        with self._tools.locks.exclusive(folder):
            record = self._record(folder)
            if record is None:
                raise InvalidRequest(f"there is nothing to undo in {folder}", hint="`mlxk doctor` has changed nothing")
            for change in record.changes:
                if self._tools.files.read(folder, change.path) not in (change.before, change.after):
                    raise Conflict(
                        f"{change.path} was edited after it was mended",
                        hint="undo would throw the edit away: move the file aside first",
                    )
            changes = tuple(each.reversed for each in record.changes)
            for change in changes:
                self._tools.files.write(folder, change.path, change.after)
            self._rehash(folder, record)
            self._tools.files.write(folder, RECORD, None)
            return changes

    def _apply(self, folder: Path, record: PatchRecord) -> None:
        """Do what the record says; what is done already is done again without harm."""
        files = self._tools.files
        files.write(folder, RECORD, _text(record))
        for change in record.changes:
            files.write(folder, change.path, change.after)
        self._rehash(folder, record)
        files.write(folder, RECORD, _text(PatchRecord(record.changes, record.made, record.rehash, done=True)))

    def _rehash(self, folder: Path, record: PatchRecord) -> None:
        if not record.rehash or self._tools.files.sentinel(folder) is None:
            return
        try:
            RecalculateHash(self._tools.files, self._tools.now).execute(folder)
        except ModelUnhealthy:
            return  # a workspace that can have no hash stays "modified"

    def _diagnosis(self, location: LocatedModel, *, derive: bool) -> Diagnosis:
        folder = Path(location.path)
        record = self._record(folder)
        return Diagnosis(
            location,
            diagnose(self._patient(folder, derive=derive)),
            unfinished=record is not None and not record.done,
            undoable=record is not None,
        )

    def _patient(self, folder: Path, *, derive: bool) -> Patient:
        files = self._tools.files
        names = files.names(folder)
        contents = {name: content for name in READ if (content := files.read(folder, name)) is not None}
        wanted = derive and TOKENIZER not in names and any(names.issuperset(each) for each in TOKENIZER_SOURCES)
        derived = self._tools.tokenizers.make(folder) if wanted else None
        return Patient(contents, names, self._shards(folder), self._tools.templates.problem, derived)

    def _shards(self, folder: Path) -> tuple[Shard, ...]:
        try:
            return self._tools.headers.read(folder)
        except ModelUnhealthy:
            return ()  # broken weights are health's to tell; no index can be made over them

    def _record(self, folder: Path) -> PatchRecord | None:
        content = self._tools.files.read(folder, RECORD)
        try:
            values = json.loads(content or b"null")
        except (ValueError, RecursionError):
            return None
        return PatchRecord.decode(values) if isinstance(values, dict) else None

    def _workspace(self, spec: str) -> LocatedModel:
        location = self._tools.resolve.execute(spec)
        if location.source is not ModelSource.WORKSPACE:
            raise InvalidRequest(
                f"{location.name} is no workspace", hint=f"make one first: mlxk clone {location.name}", param="model"
            )
        self._tools.places.require_outside_caches(self._tools.staging.real(location.path), "model")
        return location


def _text(record: PatchRecord) -> bytes:
    return (json.dumps(record.encode()) + "\n").encode()
