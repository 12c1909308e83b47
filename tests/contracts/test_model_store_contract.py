"""What every ModelStore promises: the cache, workspaces, the built-in model, and the fake that tests use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest

from adapters.model_store.builtin import BuiltinStore
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.workspace import WorkspaceStore
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.resolution import Snapshot
from ports.model_store import ModelStore
from tests.support.fakes.model_store import FakeModelStore
from tests.support.model_zoo.content import text_model
from tests.support.model_zoo.places import CacheBuilder, add_workspace

OLD, NEW = "a" * 40, "b" * 40


@dataclass(frozen=True)
class Subject:
    """A store with one model, and what there is to say of it."""

    store: ModelStore
    name: str
    revisions: tuple[str, ...] = ()
    default: str | None = None


def cache(root: Path) -> Subject:
    builder = CacheBuilder(root)
    builder.add("org/model", text_model(), revision=OLD)
    builder.add("org/model", text_model(), revision=NEW, refs=("dev",))
    return Subject(HfCacheStore(root), "org/model", (OLD, NEW), OLD)


def workspace(root: Path) -> Subject:
    add_workspace(root / "model", text_model())
    (root / "no-model").mkdir()
    return Subject(WorkspaceStore(root), "model")


def builtin(root: Path) -> Subject:
    return Subject(BuiltinStore(add_workspace(root / "demo", text_model())), "mlxk/demo")


def fake(root: Path) -> Subject:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    snapshots = (Snapshot(OLD, ("main",), day), Snapshot(NEW, ("dev",), day))
    return Subject(FakeModelStore({"org/model": snapshots}), "org/model", (OLD, NEW), OLD)


@pytest.fixture(params=[cache, workspace, builtin, fake], ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    make: Callable[[Path], Subject] = request.param
    return make(tmp_path)


def test_it_names_its_models(subject: Subject) -> None:
    assert list(subject.store.names()) == [subject.name]


def test_it_locates_what_it_names(subject: Subject) -> None:
    location = subject.store.locate(subject.name)
    assert location is not None
    assert (location.name, location.source, location.revision) == (subject.name, subject.store.source, subject.default)
    assert location == subject.store.locate(subject.name)
    assert list(subject.store.locate_all()) == [location]


@pytest.mark.parametrize(
    "name", ["", "nothing", "org/nothing", "mod", "MODEL", "..", "../model", "a\0b", "org/model/x"]
)
def test_it_locates_nothing_else(subject: Subject, name: str) -> None:
    assert subject.store.locate(name) is None
    assert list(subject.store.snapshots(name)) == []


def test_it_tells_and_locates_every_revision(subject: Subject) -> None:
    snapshots = subject.store.snapshots(subject.name)
    assert sorted(snapshot.revision for snapshot in snapshots) == sorted(subject.revisions)
    for snapshot in snapshots:
        location = subject.store.locate(subject.name, snapshot.revision)
        assert location is not None
        assert location.revision == snapshot.revision
        assert snapshot.modified.tzinfo is UTC


@pytest.mark.parametrize("revision", ["c" * 40, "..", "main", "../../x", ""])
def test_it_locates_no_revision_that_it_did_not_tell(subject: Subject, revision: str) -> None:
    located = subject.store.locate(subject.name, revision)
    assert located is None or (revision == "" and located.revision == subject.default)


def test_listing_and_manifest_agree(subject: Subject) -> None:
    location = subject.store.locate(subject.name)
    assert location is not None
    listing = subject.store.listing(location)
    assert listing.fingerprint
    assert listing == subject.store.listing(location)
    assert subject.store.read(location).listing == listing
    assert subject.store.read(location, listing).listing == listing


def test_a_model_that_is_gone_is_a_fact_and_no_error(subject: Subject) -> None:
    gone = LocatedModel("gone/away", PurePosixPath("/nowhere/gone"), subject.store.source, subject.default)
    assert subject.store.listing(gone).problem
    assert subject.store.read(gone).listing.problem


@pytest.mark.parametrize(
    "store",
    [
        HfCacheStore(Path("/nowhere/hub")),
        WorkspaceStore(Path("/nowhere/home")),
        WorkspaceStore(None),
        BuiltinStore(Path("/nowhere/demo")),
        FakeModelStore({}),
    ],
    ids=["cache", "workspace", "no home", "builtin", "fake"],
)
def test_a_store_without_a_folder_is_empty(store: ModelStore) -> None:
    assert list(store.names()) == []
    assert list(store.locate_all()) == []
    assert store.locate("org/model") is None


def test_sources_are_told_apart(tmp_path: Path) -> None:
    places = [make(tmp_path / make.__name__).store.source for make in (cache, workspace, builtin)]
    assert places == [ModelSource.CACHE, ModelSource.WORKSPACE, ModelSource.BUILTIN]
