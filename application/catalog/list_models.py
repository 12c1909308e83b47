"""Every model that is here, with every verdict on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from application.catalog.completion import Complete, unchanged
from application.catalog.stores import ModelStores
from domain.catalog.listing import FolderListing
from domain.catalog.location import LocatedModel
from domain.catalog.model_ref import ModelRef, is_path
from domain.catalog.report import ModelReport
from domain.catalog.resolution import matches_pattern
from ports.installed_libraries import LibraryInspector
from ports.report_crew import ReportCrew
from ports.report_index import RememberedReport, ReportIndex


class ModelKind(StrEnum):
    """The filters of a listing; each is one of domain.catalog.capability.Capability."""

    TEXT = "text-generation"
    VISION = "vision"
    AUDIO = "audio"
    EMBEDDINGS = "embeddings"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """pattern: a part of the name, a name@revision, or a path (then only workspaces, named as the pattern is). kinds: a
    model with any of them passes; empty means all. only_runnable: leave out what is unhealthy or does not run here, and
    count only kinds that do.
    """

    pattern: str | None = None
    kinds: frozenset[ModelKind] = frozenset()
    only_runnable: bool = False


class ListModels:
    """index: what an earlier run found out; None does without. complete: adds what a workspace's sentinel tells, each
    time anew: it depends on files that no listing holds. crew: judges what is new; None judges one after another.
    """

    def __init__(
        self,
        stores: ModelStores,
        libraries: LibraryInspector,
        index: ReportIndex | None = None,
        complete: Complete = unchanged,
        crew: ReportCrew | None = None,
    ) -> None:
        self._stores = stores
        self._libraries = libraries
        self._index = index
        self._complete = complete
        self._crew = crew

    def execute(self, query: ListQuery) -> tuple[ModelReport, ...]:
        """Sorted by name; a pattern that fits nothing gives (). One broken model hides no other.

        Raises InvalidRequest for a malformed name@revision, ModelNotFound or AmbiguousModel for one that is not here.
        """
        reports = self._reports(query.pattern)
        return tuple(sorted((each for each in reports if _passes(query, each)), key=lambda each: each.name))

    def _reports(self, pattern: str | None) -> Iterable[ModelReport]:
        if pattern and is_path(pattern):
            named = self._stores.workspaces.locate_pattern(pattern)
            return [self._complete(self._judged(each)) for each in named]
        if pattern and "@" in pattern and ModelRef.parse(pattern).revision:
            from application.catalog.resolve_model import ResolveModel

            return [self._complete(self._judged(ResolveModel(self._stores).execute(pattern)))]
        found = [each for each in self._found() if not pattern or matches_pattern(pattern, each.name)]
        remembered = self._remembered_or_judged(found, everything=not pattern)
        return [self._complete(each.report) for each in remembered]

    def _found(self) -> Iterator[LocatedModel]:
        for store in self._stores.every:
            yield from store.locate_all()

    def _judged(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelReport:
        from domain.catalog.judge import judge  # with all the rules: not needed where everything is remembered

        manifest = self._stores.of(location).read(location, listing)
        return judge(location, manifest, self._libraries.installed())

    def _remembered_or_judged(self, found: Sequence[LocatedModel], *, everything: bool) -> Iterable[RememberedReport]:
        """Judge only what has changed since it was remembered."""
        if self._index is None:
            return self._judge_all(found)
        context = self._libraries.fingerprint()
        known = self._index.load(context, found)
        current = {key: each for key, each in known.items() if self._holds(each)}
        strangers = [location for location in found if location.key not in current]
        if strangers:
            current.update((each.report.location.key, each) for each in self._judge_all(strangers))
            self._index.save(context, current.values(), everything=everything)
        return current.values()

    def _holds(self, remembered: RememberedReport) -> bool:
        location = remembered.report.location
        return self._stores.of(location).listing(location).fingerprint == remembered.fingerprint

    def _judge_all(self, locations: Sequence[LocatedModel]) -> Sequence[RememberedReport]:
        if self._crew is None or not locations:
            return [self._judged_now(location) for location in locations]
        self._libraries.installed()  # once, before the work is shared out
        return self._crew.judge_all(locations, self._judged_now)

    def _judged_now(self, location: LocatedModel) -> RememberedReport:
        listing = self._stores.of(location).listing(location)
        return RememberedReport(listing.fingerprint, listing.changed_ns, self._judged(location, listing))


def _passes(query: ListQuery, report: ModelReport) -> bool:
    if query.only_runnable and not (report.healthy and report.runtime_compatible):
        return False
    able = report.runnable_capabilities if query.only_runnable else report.capabilities
    return not query.kinds or any(kind.value in able for kind in query.kinds)
