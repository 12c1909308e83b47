"""The models a client may ask the server for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeGuard

from application.catalog.inspect_model import InspectModel
from application.catalog.list_models import ListModels, ListQuery
from application.catalog.resolve_model import ResolveModel
from application.serving.model_pool import ModelPool
from domain.catalog import LocatedModel, ModelReport
from domain.catalog.fitness import can_serve
from domain.catalog.model_ref import ModelRef
from domain.errors import AmbiguousModel, ModelNotFound
from domain.serving.aliases import meaning
from domain.serving.model_settings import ServingRules
from domain.serving.standing import ModelStanding, ModelState

# How old a listing may be: requests for it come faster than models change.
LISTING_SECONDS = 2.0
# Of a model that is loaded in several ways the first of these counts.
_MOST_ALIVE = (ModelState.READY, ModelState.LOADING, ModelState.DRAINING, ModelState.SUSPENDED, ModelState.UNLOADED)


class FirstModel:
    """The model the server was started with. Its name is resolved once: what it means must not change while the server
    runs. Thread-safe.
    """

    def __init__(self, resolve: ResolveModel, spec: str | None, rules: ServingRules | None = None) -> None:
        """rules: whose aliases may be used too."""
        self._resolve = resolve
        self._aliases = {} if rules is None else rules.aliases
        self._guard = threading.Lock()
        self._location: LocatedModel | None = None
        self.spec = spec

    def locate(self) -> LocatedModel | None:
        """None when the server was started without one. Raises InvalidRequest, ModelNotFound, AmbiguousModel."""
        with self._guard:
            if self._location is None and self.spec is not None:
                self._location = self._resolve.execute(meaning(self.spec, self._aliases))
            return self._location


class ResolveServedModel:
    """Names from clients: a folder is none, unless the server was started with it, or its owner named it: as an alias's
    meaning, or among the models with settings.
    """

    def __init__(self, resolve: ResolveModel, first: FirstModel, rules: ServingRules | None = None) -> None:
        self._resolve = resolve
        self._first = first
        self._rules = rules or ServingRules()

    def execute(self, spec: str) -> LocatedModel:
        """Raises InvalidRequest, ModelNotFound, AmbiguousModel."""
        meant = meaning(spec, self._rules.aliases)
        if self._first.spec in (spec, meant) and (location := self._first.locate()) is not None:
            return location
        if ModelRef.parse(meant).is_path and meant == spec and spec not in self._rules.models:
            raise ModelNotFound(
                f"{spec!r} is a path; clients name models", hint="GET /v1/models lists them", param="model"
            )
        return self._resolve.execute(meant)

    def aliases(self) -> dict[str, tuple[str, ...]]:
        """By the identity of the model that they mean, sorted; without those that mean none here."""
        found: dict[str, list[str]] = {}
        for alias in sorted(self._rules.aliases):
            with suppress(ModelNotFound, AmbiguousModel):
                found.setdefault(self.execute(alias).identity, []).append(alias)
        return {identity: tuple(each) for identity, each in found.items()}


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that clients may ask for. loaded_bytes: of memory that it holds, None when it is not loaded."""

    report: ModelReport
    state: ModelState = ModelState.UNLOADED
    loaded_bytes: int | None = None
    pinned: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Listing:
    """reports: those that lead the list come first. identities: to find one by."""

    made_at: float
    reports: tuple[ModelReport, ...]
    aliases: dict[str, tuple[str, ...]]


class ListServedModels:
    """Healthy models that run here and that a route answers for; the preloaded ones first, wherever they lie, the
    others by name.

    What is on the disk is looked at at most every LISTING_SECONDS; how models stand is always of now. Thread-safe.
    leading: specs of the preloaded models, in order. clock: monotonic seconds.
    """

    def __init__(
        self,
        list_models: ListModels,
        inspect: InspectModel,
        resolve: ResolveServedModel,
        leading: tuple[str, ...],
        pool: ModelPool,
        clock: Callable[[], float],
    ) -> None:
        self._list = list_models
        self._inspect = inspect
        self._resolve = resolve
        self._leading = leading
        self._pool = pool
        self._clock = clock
        self._guard = threading.Lock()
        self._listing: _Listing | None = None

    def execute(self) -> tuple[ServedModel, ...]:
        """Raises InvalidRequest and AmbiguousModel when the name of a preloaded model is no longer good."""
        listing = self._looked_up()
        standing = self._standing()
        return tuple(self._served(report, listing, standing) for report in listing.reports)

    def one(self, spec: str) -> ServedModel:
        """By any spelling that a request may use. Raises ModelNotFound, InvalidRequest, AmbiguousModel."""
        listing = self._looked_up()
        for report in listing.reports:
            if report.name == spec:
                return self._served(report, listing, self._standing())
        return self.of(self._resolve.execute(spec))

    def of(self, location: LocatedModel) -> ServedModel:
        """One that has just come is looked for on the disk. Raises ModelNotFound when it is not served."""
        for listing in (self._looked_up(), self._looked_up(afresh=True)):
            for report in listing.reports:
                if report.location.identity == location.identity:
                    return self._served(report, listing, self._standing())
        raise ModelNotFound(
            f"model {location.name!r} is not served here", hint="GET /v1/models lists them", param="model"
        )

    def _looked_up(self, *, afresh: bool = False) -> _Listing:
        """Without the lock while it is fresh: many ask at once."""
        listing = None if afresh else self._listing
        if self._is_fresh(listing):
            return listing
        with self._guard:
            listing = None if afresh else self._listing
            if not self._is_fresh(listing):
                listing = self._listing = self._look_up(self._clock())
            return listing

    def _is_fresh(self, listing: _Listing | None) -> TypeGuard[_Listing]:
        return listing is not None and self._clock() - listing.made_at < LISTING_SECONDS

    def _look_up(self, now: float) -> _Listing:
        reports = {report.location.identity: report for report in self._list.execute(ListQuery()) if can_serve(report)}
        leading: dict[str, ModelReport] = {}
        for spec in self._leading:
            try:
                location = self._resolve.execute(spec)
            except ModelNotFound:  # it is gone since the start; the others are still there
                continue
            leading.setdefault(location.identity, self._inspect.execute(location))
        found = {key: report for key, report in leading.items() if can_serve(report)}
        found |= {key: report for key, report in reports.items() if key not in leading}
        return _Listing(now, tuple(found.values()), self._resolve.aliases())

    def _standing(self) -> dict[str, ModelStanding]:
        """By the identity of the model, however it was loaded: the way that is most alive."""
        every = sorted(self._pool.standing(), key=lambda each: _MOST_ALIVE.index(each.state), reverse=True)
        return {each.model_identity: each for each in every}

    @staticmethod
    def _served(report: ModelReport, listing: _Listing, standing: dict[str, ModelStanding]) -> ServedModel:
        identity = report.location.identity
        aliases = listing.aliases.get(identity, ())
        stands = standing.get(identity)
        if stands is None:
            return ServedModel(report, aliases=aliases)
        return ServedModel(report, stands.state, stands.memory_bytes, stands.pinned, aliases)
