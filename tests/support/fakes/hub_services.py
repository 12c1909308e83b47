"""The use cases about models far away, with answers of the test's choosing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from application.catalog.show_model import ModelDetail
from application.hub.find_outdated import Currency, CurrencyEntry, FindOutdated
from application.hub.prune_cache import PruneCache, Pruned
from application.hub.pull_model import PullModel, PullRequest
from application.hub.search_hub import SearchHit, SearchHub
from application.hub.show_remote import RemoteDetail, ShowRemote
from application.hub.verify_model import VerifyModel
from domain.hub.download_plan import CacheState, plan_download
from domain.hub.prune_plan import Leftover, LeftoverKind, ModelLeftovers, PrunePlan
from domain.hub.pull import OnProgress, Progress, ProgressKind, PullOutcome, PullStatus, silent
from domain.hub.remote_model import RemoteFile, RemoteModel
from domain.hub.search import SearchQuery
from domain.hub.verification import FileCheck, FileState, Verification

COMMIT = "ab" * 20
FILES = (
    RemoteFile("config.json", 588, "1" * 40),
    RemoteFile("model.safetensors", 3_353_000, "2" * 40, "3" * 64),
)


def remote(name: str = "org/far") -> RemoteModel:
    """A model on the hub."""
    modified = datetime(2026, 5, 1, tzinfo=UTC)
    return RemoteModel(name, "main", COMMIT, FILES, likes=12, downloads=3400, last_modified=modified)


class FakePullModel(PullModel):
    """Pulls anything; sound False: what is here wants a yes first."""

    def __init__(self, *, sound: bool = True) -> None:
        self.sound = sound
        self.asked: list[PullRequest] = []

    def execute(self, request: PullRequest, progress: OnProgress = silent) -> PullOutcome:
        self.asked.append(request)
        if not self.sound and not request.force_resume:
            return PullOutcome(request.spec, PullStatus.REQUIRES_CONFIRMATION, "Incomplete download: x missing")
        model = remote(request.spec)
        plan = plan_download(model, request.selection, CacheState(frozenset(), frozenset(), {}, 10**12))
        progress(Progress(ProgressKind.WARNING, text="it will not run here"))
        progress(Progress(ProgressKind.PLAN, plan=plan))
        for file in plan.fetch:
            progress(Progress(ProgressKind.FILE_STARTED, file.path, 0, file.size_bytes))
            progress(Progress(ProgressKind.BYTES, file.path, file.size_bytes, file.size_bytes))
            progress(Progress(ProgressKind.FILE_DONE, file.path, file.size_bytes, file.size_bytes))
        done = PullOutcome(
            request.spec, PullStatus.SUCCESS, "pulled", COMMIT, "/cache/x", plan, plan.fetch_bytes, ("w",)
        )
        if request.dry_run:
            return replace(done, status=PullStatus.PLANNED, path=None, fetched_bytes=0)
        return done


class FakeSearchHub(SearchHub):
    def __init__(self, details: Sequence[ModelDetail]) -> None:
        self.details = details
        self.asked: list[SearchQuery] = []

    def execute(self, query: SearchQuery, hub: str | None = None) -> tuple[SearchHit, ...]:
        self.asked.append(query)
        hits = [SearchHit(remote(each.report.name), each) for each in self.details]
        return (*hits, SearchHit(replace(remote("org/closed"), files=()), None, "org/closed is gated"))


class FakeShowRemote(ShowRemote):
    def __init__(self, details: Sequence[ModelDetail]) -> None:
        self.details = details

    def execute(self, spec: str, hub: str | None = None) -> RemoteDetail:
        return RemoteDetail(remote(spec), self.details[0])


class FakeVerifyModel(VerifyModel):
    def __init__(self, *states: FileState) -> None:
        self.states = states

    def execute(
        self, spec: str, *, hub: str | None = None, offline: bool = False, progress: OnProgress = silent
    ) -> Verification:
        checks = tuple(FileCheck(f"file{n}", 9, state, "seen") for n, state in enumerate(self.states))
        return Verification(spec, COMMIT, "recorded" if offline else "http://hub", checks)


class FakeFindOutdated(FindOutdated):
    def __init__(self) -> None:
        return

    def execute(self, pattern: str | None = None, hub: str | None = None) -> tuple[CurrencyEntry, ...]:
        return (
            CurrencyEntry("org/old", Currency.OUTDATED, COMMIT, "cd" * 20),
            CurrencyEntry("org/gone", Currency.UNKNOWN, COMMIT, problem="org/gone is not on the hub"),
        )


class FakePruneCache(PruneCache):
    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.executed = 0

    def plan(self, pattern: str | None = None) -> PrunePlan:
        root = PurePosixPath("/cache")
        items = tuple(Leftover(LeftoverKind.ORPHAN, root / f"blob{n}", 1_000_000) for n in range(self.count))
        models = (ModelLeftovers("org/old", root, items, kept_revisions=(COMMIT,)),) if items else ()
        return PrunePlan(models, ("org/busy",))

    def execute(self, plan: PrunePlan) -> Pruned:
        self.executed += 1
        return Pruned(plan, plan.count, plan.freed_bytes)


@dataclass
class FakeHubServices:
    """The hub's share of the command line's services."""

    details: Sequence[ModelDetail] = ()
    pulling: FakePullModel = field(default_factory=FakePullModel)
    pruning: FakePruneCache = field(default_factory=FakePruneCache)
    states: tuple[FileState, ...] = (FileState.SAME, FileState.MISSING)

    def __post_init__(self) -> None:
        self.searching = FakeSearchHub(self.details)
