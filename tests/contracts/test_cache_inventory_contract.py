"""What every CacheInventory does: everything that belongs to a model, and nothing that another one needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.model_store.cache_inventory import HfCacheInventory
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.removal import CacheContents
from domain.errors import AccessDenied
from ports.cache_inventory import CacheInventory
from tests.support.model_zoo.content import llama_config, text_model
from tests.support.model_zoo.places import CacheBuilder

OLD, NEW = "a" * 40, "b" * 40
FILES = text_model()
EXTRA = "only the old one has this"


@dataclass(frozen=True)
class Case:
    """A cache with a model of two revisions, most of whose blobs both use, one of a single revision, and a model with
    nearly the same name. Each of them has a left-over lock file.
    """

    inventory: CacheInventory
    cache: CacheBuilder

    def located(self, name: str, revision: str) -> LocatedModel:
        return LocatedModel(name, self.cache.folder(name) / "snapshots" / revision, ModelSource.CACHE, revision)

    def contents(self, name: str, asked: str | None, revision: str = OLD) -> CacheContents:
        return self.inventory.contents(self.located(name, revision), asked)

    @property
    def root(self) -> Path:
        return self.cache.root

    def files(self) -> set[Path]:
        """Files and links below the cache."""
        return {path for path in self.root.rglob("*") if path.is_symlink() or path.is_file()}


def on_disk(tmp_path: Path) -> Case:
    cache = CacheBuilder(tmp_path / "hub")
    cache.add("org/two", {**FILES, "folder/extra.txt": EXTRA}, revision=OLD, refs=("v1", "pr/1"))
    cache.add("org/two", {**FILES, "config.json": llama_config(vocab_size=7)}, revision=NEW)
    for name in ("org/one", "org/ones"):
        cache.add(name, FILES, revision=OLD)
    for name in ("two", "one", "ones"):
        lock = cache.root / ".locks" / f"models--org--{name}" / "0123.lock"
        lock.parent.mkdir(parents=True)
        lock.touch()
    return Case(HfCacheInventory(cache.root), cache)


@pytest.fixture(params=[on_disk], ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make: Callable[[Path], Case] = request.param
    return make(tmp_path)


def carry_out(contents: CacheContents) -> None:
    """Delete it all, by the plainest means."""
    for planned in (*contents.refs, *contents.snapshots, *contents.blobs, *contents.rest):
        path = Path(planned)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def sizes_of(files: Iterable[Path]) -> dict[Path, int]:
    """Bytes that each takes; a link takes none."""
    return {path: 0 if path.is_symlink() else path.stat().st_size for path in files}


def stored_bytes(files: Iterable[Path], sizes: Mapping[Path, int]) -> int:
    return sum(sizes[path] for path in files)


def refuse_to_read(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """As for somebody else's folder: these tests may run as root, who reads everything."""

    def refusing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".") -> Any:
            if not isinstance(path, int) and Path(path) == folder:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        return call

    monkeypatch.setattr(os, "scandir", refusing(os.scandir))
    monkeypatch.setattr(os, "listdir", refusing(os.listdir))


@pytest.fixture
def unchanged(case: Case) -> Iterator[None]:
    """Reads, never writes."""
    before = {path: path.lstat().st_mtime_ns for path in case.root.rglob("*")}
    yield
    assert {path: path.lstat().st_mtime_ns for path in case.root.rglob("*")} == before


@pytest.mark.usefixtures("unchanged")
def test_it_reads_and_never_writes(case: Case) -> None:
    case.contents("org/two", None)
    case.contents("org/two", OLD)
    case.contents("org/one", OLD)


@pytest.mark.parametrize("name", ["org/one", "org/two"])
def test_the_whole_model_goes_and_no_other(case: Case, name: str) -> None:
    before, folder = case.files(), case.cache.folder(name)
    sizes = sizes_of(before)
    contents = case.contents(name, None)
    carry_out(contents)
    gone = before - case.files()
    assert gone == {path for path in before if folder.name in path.relative_to(case.root).parts}
    assert not folder.exists()
    assert contents.freed_bytes == stored_bytes(gone, sizes)
    assert contents.kept_revisions == ()


def test_one_revision_goes_with_what_it_alone_uses(case: Case) -> None:
    before, repo = case.files(), case.cache.folder("org/two")
    sizes = sizes_of(before)
    contents = case.contents("org/two", OLD)
    carry_out(contents)
    after = case.files()
    refs = {path for path in before if path.is_relative_to(repo / "refs")}
    assert not (repo / "snapshots" / OLD).exists()
    assert refs & after == {repo / "refs" / "main"}
    assert all(path.exists() for path in after), "a link that stays must lead somewhere"
    used = {path.resolve() for path in (repo / "snapshots" / NEW).rglob("*")}
    assert {path for path in after if path.parent == repo / "blobs"} == used
    assert contents.freed_bytes == stored_bytes(before - refs, sizes) - stored_bytes(after - refs, sizes)
    assert contents.kept_revisions == (NEW,)


@pytest.mark.usefixtures("unchanged")
def test_the_last_revision_is_the_whole_model(case: Case) -> None:
    assert case.contents("org/one", OLD) == case.contents("org/one", None)


@pytest.mark.usefixtures("unchanged")
def test_without_the_first_files_the_model_says_it_is_incomplete(case: Case) -> None:
    for name, asked in (("org/one", None), ("org/two", OLD)):
        config = case.cache.folder(name) / "snapshots" / OLD / "config.json"
        assert {Path(path) for path in case.contents(name, asked).first} & {config, config.resolve()}


@pytest.mark.usefixtures("unchanged")
def test_the_models_own_locks_are_told_and_no_others(case: Case) -> None:
    for asked in (None, OLD):
        lock_files = case.contents("org/two", asked).lock_files
        assert lock_files == (case.root / ".locks" / "models--org--two" / "0123.lock",)


def test_no_blob_is_given_up_where_another_revision_cannot_be_read(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert case.contents("org/two", OLD).blobs
    refuse_to_read(monkeypatch, case.cache.folder("org/two") / "snapshots" / NEW)
    contents = case.contents("org/two", OLD)
    assert (contents.blobs, contents.freed_bytes) == ((), 0)


@pytest.mark.parametrize("part", ["snapshots", f"snapshots/{OLD}"])
@pytest.mark.parametrize("asked", [None, OLD])
def test_a_model_that_cannot_be_read_is_access_denied(
    case: Case, monkeypatch: pytest.MonkeyPatch, part: str, asked: str | None
) -> None:
    refuse_to_read(monkeypatch, case.cache.folder("org/two") / part)
    with pytest.raises(AccessDenied, match="cannot be read"):
        case.contents("org/two", asked)


def test_nothing_outside_the_cache_belongs_to_a_model(case: Case, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("keep me", encoding="utf-8")
    (case.cache.folder("org/two") / "snapshots" / OLD / "link").symlink_to(secret)
    for asked in (OLD, None):
        carry_out(case.contents("org/two", asked))
        assert secret.exists()
