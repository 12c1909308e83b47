"""Every model that is here, with every verdict on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from application.catalog.resolve_model import ResolveModel
from application.catalog.stores import ModelStores
from domain.catalog.capability import Capability
from domain.catalog.judge import judge
from domain.catalog.location import LocatedModel
from domain.catalog.model_ref import ModelRef, is_path
from domain.catalog.report import ModelReport
from domain.catalog.resolution import matches_pattern
from ports.installed_libraries import LibraryInspector
from ports.model_store import ModelStore
from ports.report_index import RememberedReport, ReportIndex


class ModelKind(StrEnum):
    """The filters of a listing; each is a capability."""

    TEXT = Capability.TEXT_GENERATION.value
    VISION = Capability.VISION.value
    AUDIO = Capability.AUDIO.value
    EMBEDDINGS = Capability.EMBEDDINGS.value


@dataclass(frozen=True, slots=True)
class ListQuery:
    """pattern: a part of the name, a name@revision, or a path (then only workspaces, named as the pattern is). kinds: a
    model with any of them passes; empty means all. only_runnable: leave out what is unhealthy or does not run here.
    """

    pattern: str | None = None
    kinds: frozenset[ModelKind] = frozenset()
    only_runnable: bool = False


class ListModels:
    """index: what an earlier run found out; None does without."""

    def __init__(self, stores: ModelStores, libraries: LibraryInspector, index: ReportIndex | None = None) -> None:
        self._stores = stores
        self._libraries = libraries
        self._index = index
        self._resolve = ResolveModel(stores)

    def execute(self, query: ListQuery) -> tuple[ModelReport, ...]:
        """Sorted by name; a pattern that fits nothing gives (). One broken model hides no other.

        Raises InvalidRequest for a malformed name@revision, ModelNotFound or AmbiguousModel for one that is not here.
        """
        reports = self._reports(query.pattern)
        return tuple(sorted((each for each in reports if _passes(query, each)), key=lambda each: each.name))

    def _reports(self, pattern: str | None) -> Iterable[ModelReport]:
        if pattern and is_path(pattern):
            return [self._judged(each) for each in self._stores.workspaces.locate_pattern(pattern)]
        if pattern and "@" in pattern and ModelRef.parse(pattern).revision:
            return [self._judged(self._resolve.execute(pattern))]
        found = self._found(pattern)
        if self._index is None:
            return [self._judged(location) for _, location in found]
        return self._through_index(self._index, found, whole=not pattern)

    def _found(self, pattern: str | None) -> Iterator[tuple[ModelStore, LocatedModel]]:
        for store in self._stores.every:
            for name in store.names():
                if pattern and not matches_pattern(pattern, name):
                    continue
                location = store.locate(name)
                if location is not None:
                    yield store, location

    def _judged(self, location: LocatedModel) -> ModelReport:
        return judge(location, self._stores.of(location).read(location), self._libraries.installed())

    def _through_index(
        self, index: ReportIndex, found: Iterable[tuple[ModelStore, LocatedModel]], *, whole: bool
    ) -> list[ModelReport]:
        """Judge only what has changed. whole: the listing is everything, so what it lacks can be forgotten."""
        context = self._libraries.fingerprint()
        known = index.load(context)
        current: dict[str, RememberedReport] = {}
        changed = False
        for store, location in found:
            listing = store.listing(location)
            key = f"{location.source}\0{location.path}"
            remembered = known.get(key)
            if remembered is None or remembered.fingerprint != listing.fingerprint:
                report = judge(location, store.read(location, listing), self._libraries.installed())
                remembered = RememberedReport(listing.fingerprint, listing.changed_ns, report)
                changed = True
            current[key] = remembered
        if changed or (whole and len(current) != len(known)):
            index.save(context, current if whole else {**known, **current})
        return [each.report for each in current.values()]


def _passes(query: ListQuery, report: ModelReport) -> bool:
    if query.only_runnable and not (report.healthy and report.runtime_compatible):
        return False
    return not query.kinds or any(kind.value in report.capabilities for kind in query.kinds)
