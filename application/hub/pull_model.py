"""Fetch a model from a hub: look, plan, say, fetch, check."""

from __future__ import annotations

from dataclasses import dataclass, replace

from application.catalog.inspect_model import InspectModel
from application.catalog.stores import ModelStores
from application.hub.hubs import MAIN, OpenHub
from application.hub.judge_remote import JudgeRemote
from domain.catalog.location import LocatedModel
from domain.catalog.model_ref import SHORT_NAME_ORGANISATION, ModelRef
from domain.catalog.report import ModelReport
from domain.catalog.resolution import match_names, match_revision
from domain.errors import AmbiguousModel, DownloadFailed, InvalidRequest, MlxkError, ModelNotFound
from domain.hub.download_plan import EVERYTHING, DownloadPlan, FileSelection, plan_download
from domain.hub.pull import OnProgress, Progress, ProgressKind, PullOutcome, PullStatus, silent
from domain.hub.remote_model import RemoteModel
from ports.hub import ModelHub
from ports.model_store import ModelStore
from ports.snapshot_cache import SnapshotCache


@dataclass(frozen=True, slots=True)
class PullRequest:
    """spec: org/name, a short name of a model that is here, name@revision. hub: an address; None is the configured one.
    force_resume: go on with a model that is here but broken or half. dry_run: plan and say, fetch nothing.
    """

    spec: str
    hub: str | None = None
    selection: FileSelection = EVERYTHING
    force_resume: bool = False
    dry_run: bool = False


class PullModel:
    def __init__(
        self, stores: ModelStores, inspect: InspectModel, open_hub: OpenHub, cache: SnapshotCache, judge: JudgeRemote
    ) -> None:
        """stores.cache reads what `cache` writes."""
        self._store = stores.cache
        self._inspect = inspect
        self._open_hub = open_hub
        self._cache = cache
        self._judge = judge

    def execute(self, request: PullRequest, progress: OnProgress = silent) -> PullOutcome:
        """Raises InvalidRequest, AmbiguousModel, AccessDenied, ModelNotFound, DiskFull, DownloadFailed and
        KeyboardInterrupt; what has arrived is kept.
        """
        ref = self._target(request.spec)
        here = self._here(ref)
        if here is not None and not request.force_resume:
            answer = self._answer_from_disk(ref, here, request)
            if answer is not None:
                return answer
        return _Pull(self._open_hub(request.hub), self._cache, self._judge, self._inspect, self._store).run(
            ref, request, progress
        )

    def _target(self, spec: str) -> ModelRef:
        """A full name means itself. A short one may mean a model that is here, under its existing name."""
        ref = ModelRef.parse(spec)
        if ref.is_path:
            raise InvalidRequest(f"{spec} is a folder: only models on a hub can be pulled", hint="name it org/name")
        if ref.organisation is None:
            names, _ = match_names(ref.name, self._store.names())
            if len(names) > 1:
                raise AmbiguousModel(
                    f"{ref.name!r} can mean {len(names)} models that are here",
                    hint="name one of them in full",
                    param="model",
                    matches=names,
                )
            ref = ModelRef(names[0], ref.revision) if names else ref
        ref.require_hub_name()
        return ref

    def _here(self, ref: ModelRef) -> LocatedModel | None:
        """What the disk has under this name; for a named revision only when a commit here answers to it."""
        if ref.revision is None:
            return self._store.locate(ref.name)
        found = match_revision(ref.revision, self._store.snapshots(ref.name))
        return self._store.locate(ref.name, found[0].revision) if len(found) == 1 else None

    def _answer_from_disk(self, ref: ModelRef, here: LocatedModel, request: PullRequest) -> PullOutcome | None:
        """None when the hub has to be asked: a branch or tag may have moved, a dry run wants the plan."""
        report = self._inspect.execute(here)
        if not report.healthy:
            message = (
                f"{report.health_reason}. Use --force-resume to go on with it, or 'mlxk rm {ref.name}' to delete it."
            )
            return PullOutcome(ref.name, PullStatus.REQUIRES_CONFIRMATION, message, here.revision, str(here.path))
        by_hash = ref.revision is not None and (here.revision or "").startswith(ref.revision.lower())
        if request.dry_run or not request.selection.everything or not (ref.revision is None or by_hash):
            return None
        message = f"{ref.name} is here and healthy"
        return PullOutcome(ref.name, PullStatus.ALREADY_EXISTS, message, here.revision, str(here.path))


@dataclass
class _Pull:
    """One pull from a hub. warnings: what was said on the way."""

    hub: ModelHub
    cache: SnapshotCache
    judge: JudgeRemote
    inspect: InspectModel
    store: ModelStore
    warnings: tuple[str, ...] = ()

    def run(self, ref: ModelRef, request: PullRequest, progress: OnProgress) -> PullOutcome:
        progress(Progress(ProgressKind.STATUS, text=PullStatus.CHECKING_ACCESS.value))
        model = self._describe(ref, progress)
        plan = plan_download(model, request.selection, self.cache.state(model))
        self._warn_when_it_will_not_run(plan, progress)
        progress(Progress(ProgressKind.PLAN, total_bytes=plan.fetch_bytes, plan=plan))
        plan.require_space()
        outcome = PullOutcome(ref.name, PullStatus.PLANNED, _planned(plan), model.commit, None, plan, 0, self.warnings)
        if request.dry_run:
            return outcome
        progress(Progress(ProgressKind.STATUS, text=PullStatus.DOWNLOADING.value))
        counted = _Counted(progress)
        path = self.cache.fetch(plan, self.hub, counted)
        if plan.up_to_date:
            message = f"{ref.name} is here, as the hub has it"
            return replace(outcome, status=PullStatus.ALREADY_EXISTS, message=message, path=path)
        self._warn_when_unhealthy(plan, progress)
        return replace(
            outcome,
            status=PullStatus.SUCCESS,
            message=f"pulled {ref.name}",
            path=path,
            fetched_bytes=counted.bytes,
            warnings=self.warnings,
        )

    def _describe(self, ref: ModelRef, progress: OnProgress) -> RemoteModel:
        """The preflight: a refusal ends the pull here, before a byte is written; a stumble is said and tried again."""
        revision = ref.revision or MAIN
        try:
            try:
                return self.hub.describe(ref.name, revision)
            except DownloadFailed as fault:
                if not fault.retryable:
                    raise
                self._warn(f"preflight: {fault.message}", progress)
                return self.hub.describe(ref.name, revision)
        except MlxkError as error:
            if ref.organisation is None and not isinstance(error, DownloadFailed):
                raise ModelNotFound(
                    error.message,
                    hint=f"a name on the hub has two parts: mlxk pull {SHORT_NAME_ORGANISATION}/{ref.name}",
                    param="model",
                ) from error
            raise

    def _warn_when_it_will_not_run(self, plan: DownloadPlan, progress: OnProgress) -> None:
        if plan.up_to_date or not plan.selection.everything:
            return
        try:
            report = self.judge.execute(plan.model, self.hub).report
        except DownloadFailed as fault:
            self._warn(f"whether it runs here could not be told: {fault.message}", progress)
            return
        if report.reason:
            self._warn(f"{report.name} will not run here: {report.reason}", progress)

    def _warn_when_unhealthy(self, plan: DownloadPlan, progress: OnProgress) -> None:
        if not plan.selection.everything:
            return
        report = self._report(plan)
        if report is not None and not report.healthy:
            self._warn(f"it is here as the hub has it, but not healthy: {report.health_reason}", progress)

    def _report(self, plan: DownloadPlan) -> ModelReport | None:
        here = self.store.locate(plan.model.name, plan.model.commit)
        return None if here is None else self.inspect.execute(here)

    def _warn(self, text: str, progress: OnProgress) -> None:
        self.warnings = (*self.warnings, text)
        progress(Progress(ProgressKind.WARNING, text=text))


class _Counted:
    """Passes progress on, and counts what arrives: less than planned when another pull has brought a part of it."""

    def __init__(self, progress: OnProgress) -> None:
        self._progress = progress
        self._begun: dict[str, int] = {}
        self._here: dict[str, int] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.kind is ProgressKind.FILE_STARTED:
            self._begun[progress.file] = progress.done_bytes
        elif progress.kind is ProgressKind.BYTES:
            self._here[progress.file] = max(progress.done_bytes, self._here.get(progress.file, 0))
        self._progress(progress)

    @property
    def bytes(self) -> int:
        return sum(here - self._begun.get(file, 0) for file, here in self._here.items())


def _planned(plan: DownloadPlan) -> str:
    count = len(plan.fetch)
    return (
        f"{count} file{'' if count == 1 else 's'}, {plan.fetch_bytes:,} bytes to fetch, {plan.cached_bytes:,} are here"
    )
