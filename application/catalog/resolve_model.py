"""Which model does a name mean?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from application.catalog.stores import ModelStores
from domain.catalog.location import LocatedModel
from domain.catalog.model_ref import SHORT_NAME_ORGANISATION, ModelRef, hub_name_problem
from domain.catalog.resolution import match_names, match_revision
from domain.errors import AmbiguousModel, InvalidRequest, ModelNotFound
from ports.model_store import ModelStore

_HINT = "see `mlxk list --all` for the models that are here"
MAX_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Resolution:
    """exact: the name was spelled out; False when it was completed from a part of it or in another case."""

    location: LocatedModel
    exact: bool


@dataclass(frozen=True, slots=True)
class _Hit:
    store: ModelStore
    name: str


class ResolveModel:
    """One rule for cache and workspaces: exact beats fuzzy, every ambiguity is reported.

    A path is a workspace and nothing else. A name is looked up in this order, and the first step with a hit decides:
    the full name among the user's models; the same name in mlx-community; the built-in model's full or short name; the
    short name of any organisation; the same without regard to case; a part of the name, the user's models before the
    built-in one. So a user's model of the very name hides the built-in one, and nothing else does.
    """

    def __init__(self, stores: ModelStores) -> None:
        self._stores = stores

    def execute(self, spec: str) -> LocatedModel:
        """Raises InvalidRequest, ModelNotFound, AmbiguousModel."""
        return self.resolve(spec).location

    def resolve(self, spec: str) -> Resolution:
        """As `execute`, and whether the name was spelled out."""
        ref = ModelRef.parse(spec)
        if ref.is_path:
            location = self._stores.workspaces.locate_path(ref)
            if location is None:
                raise ModelNotFound(
                    f"there is no config.json in {ref.name}", hint="name a model's folder", param="model"
                )
            return Resolution(location, exact=True)
        hits, exact = self._revised(ref.name) if ref.revision else ([], False)
        if not hits:
            hits, exact = self._of_any_kind(ref.name)
        return Resolution(self._only(ref, hits), exact=exact)

    def _revised(self, name: str) -> tuple[list[_Hit], bool]:
        """With a revision only the cache is asked, which alone keeps them: a workspace of this name hides nothing."""
        spelled = self._first_of(((self._stores.cache,), each) for each in (name, f"{SHORT_NAME_ORGANISATION}/{name}"))
        return (spelled, True) if spelled else self._searched(name, ((self._stores.cache,),))

    def _of_any_kind(self, name: str) -> tuple[list[_Hit], bool]:
        spelled = self._spelled_out(name)
        return (spelled, True) if spelled else self._searched(name, (self._stores.users, (self._stores.builtin,)))

    def _spelled_out(self, name: str) -> list[_Hit]:
        """Exact names, without looking at any other model."""
        steps: tuple[tuple[Sequence[ModelStore], str], ...] = (
            (self._stores.users, name),
            ((self._stores.cache,), f"{SHORT_NAME_ORGANISATION}/{name}"),
        )
        hits = self._first_of(steps)
        if hits:
            return hits
        names, exact = match_names(name, self._stores.builtin.names())
        return [_Hit(self._stores.builtin, each) for each in names] if exact else []

    @staticmethod
    def _first_of(steps: Iterable[tuple[Sequence[ModelStore], str]]) -> list[_Hit]:
        for stores, full in steps:
            hits = [_Hit(store, full) for store in stores if store.locate(full) is not None]
            if hits:
                return hits
        return []

    @staticmethod
    def _searched(name: str, steps: Iterable[Sequence[ModelStore]]) -> tuple[list[_Hit], bool]:
        for stores in steps:
            by_name: dict[str, list[ModelStore]] = {}
            for store in stores:
                for each in store.names():
                    by_name.setdefault(each, []).append(store)
            names, exact = match_names(name, by_name)
            if names:
                return [_Hit(store, each) for each in names for store in by_name[each]], exact
        return [], False

    def _only(self, ref: ModelRef, hits: Sequence[_Hit]) -> LocatedModel:
        if ref.revision is not None:
            return self._only_revision(ref, ref.revision, hits)
        found = [location for hit in hits if (location := hit.store.locate(hit.name)) is not None]
        if not found:
            raise _not_found(ref)
        if len(found) > 1:
            raise _ambiguous(str(ref), [_unmistakable(location, found) for location in found])
        return found[0]

    def _only_revision(self, ref: ModelRef, wanted: str, hits: Sequence[_Hit]) -> LocatedModel:
        """The one snapshot that is meant, among all the models that the name may mean."""
        found = [
            (hit, snapshot.revision)
            for hit in hits
            for snapshot in match_revision(wanted, hit.store.snapshots(hit.name))
        ]
        if len(found) > 1:
            raise _ambiguous(str(ref), [f"{hit.name}@{revision}" for hit, revision in found])
        for hit, revision in found:
            location = hit.store.locate(hit.name, revision)
            if location is not None:
                return location
        if not hits:
            raise _not_found(ref)
        here = [f"{hit.name}@{each.revision}" for hit in hits for each in hit.store.snapshots(hit.name)]
        raise ModelNotFound(
            f"{ref.name} has no revision {wanted!r} here",
            hint=f"here are: {', '.join(here[:MAX_SHOWN])}" if here else "it keeps no revisions: leave out the @ part",
            param="model",
            detail={"available_hashes": [each.rpartition("@")[2] for each in here]},
        )


def _unmistakable(location: LocatedModel, all_found: Sequence[LocatedModel]) -> str:
    """A spelling that means only this one: the name, or the folder where two stores share a name."""
    shared = sum(each.name == location.name for each in all_found) > 1
    return str(location.path) if shared else location.name


def _ambiguous(spec: str, matches: Sequence[str]) -> AmbiguousModel:
    shown = ", ".join(sorted(matches)[:MAX_SHOWN])
    more = f" and {len(matches) - MAX_SHOWN} more" if len(matches) > MAX_SHOWN else ""
    return AmbiguousModel(
        f"{spec!r} can mean {len(matches)} models: {shown}{more}",
        hint="name one of them in full",
        param="model",
        matches=sorted(matches),
    )


def _not_found(ref: ModelRef) -> ModelNotFound | InvalidRequest:
    problem = hub_name_problem(ref.name)
    hint = f"{_HINT} (and the hub can have none of this name: {problem})" if problem else _HINT
    return ModelNotFound(f"no model here matches {str(ref)!r}", hint=hint, param="model")
