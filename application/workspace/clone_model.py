"""A model in a folder of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from application.catalog.inspect_model import InspectModel
from application.catalog.resolve_model import ResolveModel
from application.workspace.fetch_snapshot import Fetch
from application.workspace.making import ByteCount, sealed
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.model_ref import ModelRef
from domain.errors import DiskFull, DownloadFailed, InvalidRequest, MlxkError, ModelNotFound
from domain.hub.pull import OnProgress, silent
from domain.workspace.copy_method import CopyMethod
from domain.workspace.exclusion import Exclusion
from domain.workspace.places import WorkspacePlaces
from domain.workspace.progress import OnWork, Stage, WorkProgress, unheard
from domain.workspace.sentinel import Sentinel
from ports.copying import FileCopier
from ports.source_files import SourceFile, SourceFiles
from ports.staging import Staging, StagingArea
from ports.workspace_files import WorkspaceFiles
from ports.workspace_locks import WorkspaceLocks


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """model: as somebody typed it. branch: a revision given apart from it. health_check: judge the result; a model that
    is broken is cloned all the same, so that it can be mended. fresh: start anew instead of resuming.
    """

    model: str
    target: str | None = None
    branch: str | None = None
    health_check: bool = True
    fresh: bool = False

    def ref(self) -> ModelRef:
        """Raises InvalidRequest."""
        ref = ModelRef.parse(self.model)
        if self.branch is None:
            return ref
        if ref.is_path or ref.revision:
            raise InvalidRequest(
                f"{self.model!r} cannot have the branch {self.branch!r}",
                hint="give the revision once: as name@revision or with --branch",
                param="branch",
            )
        return ModelRef.parse(f"{self.model}@{self.branch}")


@dataclass(frozen=True, slots=True)
class CloneOutcome:
    """healthy, health_reason: None without a check. copy_method: of the slowest kind that was needed, None for a model
    without files. fetched_bytes: over the network. warnings: in words, for people.
    """

    model: str
    target: Path
    revision: str | None
    healthy: bool | None
    health_reason: str | None
    copy_method: CopyMethod | None
    total_bytes: int
    fetched_bytes: int
    content_hash: str | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloneTools:
    """copier: for sources that stay. hand_over: for downloads, which are deleted afterwards. now: UTC-aware."""

    resolve: ResolveModel
    inspect: InspectModel
    fetch: Fetch
    sources: SourceFiles
    staging: Staging
    files: WorkspaceFiles
    copier: FileCopier
    hand_over: FileCopier
    places: WorkspacePlaces
    locks: WorkspaceLocks
    version: str
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Source:
    location: LocatedModel
    fetched_bytes: int | None = None

    @property
    def note(self) -> dict[str, object]:
        """What makes two runs copy the same thing."""
        return {"model": self.location.name, "revision": self.location.revision, "source": self.location.source.value}


class CloneModel:
    """From the cache, the built-in model or another workspace; from the hub when it is nowhere here. No cache is
    changed: a download goes into the staging area. Until the last step the target is as it was, then it is complete.
    """

    def __init__(self, tools: CloneTools) -> None:
        self._tools = tools

    def execute(self, request: CloneRequest, work: OnWork = unheard, download: OnProgress = silent) -> CloneOutcome:
        """Raises InvalidRequest, AmbiguousModel, ModelNotFound, AccessDenied, Conflict, DiskFull, DownloadFailed,
        ModelUnhealthy (a file of the source cannot be copied). After DownloadFailed, DiskFull and an interruption what
        is there is kept beside the target, and the same command goes on from it.
        """
        tools = self._tools
        ref = request.ref()
        here = self._here(ref)
        name = ref.name if here is None or not ref.is_path else here.path.name
        target = tools.staging.real(tools.places.clone_target(name, request.target))
        tools.places.require_outside_caches(target, "target")
        tools.staging.require_free(target)
        with tools.staging.open(target, str(ref)) as area:
            try:
                if request.fresh:
                    area.clear()
                source = _Source(here) if here else self._fetched(ref, area, download)
                with self._tools.locks.shared(source.location.path):
                    return self._made(request, source, area, target, work)
            except MlxkError as error:
                resumable = isinstance(error, DownloadFailed) and here is None and area.holds_downloads
                if not resumable:
                    area.discard()
                raise

    def _here(self, ref: ModelRef) -> LocatedModel | None:
        """The model on this machine. A full name means that model and no other that it is a part of."""
        try:
            found = self._tools.resolve.resolve(str(ref))
        except ModelNotFound:
            if ref.is_path:
                raise
            return None
        return found.location if found.exact or "/" not in ref.name else None

    def _fetched(self, ref: ModelRef, area: StagingArea, download: OnProgress) -> _Source:
        fetched = self._tools.fetch(ref, area.cache, download)
        return _Source(fetched.location, fetched.fetched_bytes)

    def _made(
        self, request: CloneRequest, source: _Source, area: StagingArea, target: Path, work: OnWork
    ) -> CloneOutcome:
        tools = self._tools
        if area.note != source.note:
            area.clear()
            area.write_note(source.note)
        files = tools.sources.of(source.location)
        methods = self._copy(files, source, area, work)
        work(WorkProgress(Stage.HASHING))
        origin, revision = self._origin(source.location)
        sentinel = Sentinel.new(
            version=tools.version, operation="clone", now=tools.now(), source_repo=origin, source_revision=revision
        )
        sentinel, warnings = sealed(tools.files, area.workspace, sentinel, tools.now())
        tools.files.write_sentinel(area.workspace, sentinel)
        outcome = CloneOutcome(
            model=source.location.name,
            target=target,
            revision=revision,
            healthy=None,
            health_reason=None,
            copy_method=max(methods, key=list(CopyMethod).index, default=None),
            total_bytes=sum(file.size_bytes for file in files),
            fetched_bytes=source.fetched_bytes or 0,
            content_hash=sentinel.content_hash,
            warnings=warnings,
        )
        if request.health_check:
            work(WorkProgress(Stage.CHECKING))
            report = tools.inspect.execute(LocatedModel(outcome.model, area.workspace, ModelSource.WORKSPACE))
            outcome = replace(outcome, healthy=report.healthy, health_reason=report.health_reason)
        area.publish()
        return outcome

    def _copy(self, files: tuple[SourceFile, ...], source: _Source, area: StagingArea, work: OnWork) -> set[CopyMethod]:
        """Copy what an interrupted run has not copied yet; the ways that were used."""
        tools = self._tools
        found = {each.path: each for each in tools.files.look(area.workspace, Exclusion(()))}
        if found.keys() - {each.path for each in files}:
            area.clear()
            found = {}
        total = sum(file.size_bytes for file in files)
        copier = tools.copier if source.fetched_bytes is None else tools.hand_over
        count = ByteCount(work, total)
        used: set[CopyMethod] = set()
        for file in files:
            there = found.get(file.path)
            if there and (there.size_bytes, there.mtime_ns) == (file.size_bytes, file.mtime_ns):
                count(file.size_bytes)
                continue
            count.file = file.path
            if file.link is not None:
                area.link(file.link, file.path)
                continue
            used.add(CopyMethod(area.copy(file.real, file.path, copier, count)))
            _require_room(used, total - count.done_bytes, area)
        return used

    def _origin(self, location: LocatedModel) -> tuple[str | None, str | None]:
        """Repository and revision; a workspace hands on its own."""
        if location.source is not ModelSource.WORKSPACE:
            return location.name, location.revision
        sentinel = self._tools.files.sentinel(location.path)
        return (sentinel.source_repo, sentinel.source_revision) if sentinel else (None, None)


def _require_room(used: set[CopyMethod], left_bytes: int, area: StagingArea) -> None:
    """Once it is known that bytes are really copied: the rest must fit."""
    free = area.free_bytes() if CopyMethod.COPY in used and left_bytes else left_bytes
    if left_bytes > free:
        raise DiskFull(
            f"{left_bytes:,} more bytes are to be copied, the disk has {free:,} free",
            hint="make room, or choose a target on another disk",
            detail={"needed_bytes": left_bytes, "free_bytes": free},
        )
