"""The index makes a second listing quick and never makes it wrong."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.report_index import KEPT_FILES, FileReportIndex
from application.catalog.list_models import ListModels, ListQuery
from domain.catalog.listing import FolderListing
from domain.catalog.location import LocatedModel
from domain.catalog.manifest import ModelManifest
from domain.catalog.report import ModelReport
from tests.support.catalog_disk import LIBRARIES, Disk
from tests.support.model_zoo import ALL_CASES
from tests.support.model_zoo.content import text_model
from tests.support.model_zoo.places import add_workspace, revision_of

FILES = text_model()
LONG_AGO_NS = time.time_ns() - 3_600_000_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour later: what was written just now is old enough to be remembered."""
    monkeypatch.setattr("adapters.model_store.report_index.time.time_ns", lambda: LONG_AGO_NS + 2 * 3_600_000_000_000)


def index_of(folder: Path) -> FileReportIndex:
    return FileReportIndex(folder / "cache", "scope")


def remembered(index: FileReportIndex, models: Iterable[LocatedModel]) -> set[str]:
    """Folder names of the models that the index knows."""
    return {PurePath(key).name for key in index.load(LIBRARIES.fingerprint(), models)}


class CountingCache(HfCacheStore):
    """Notes the models whose files are opened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reads: list[str] = []

    def read(self, location: LocatedModel, listing: FolderListing | None = None) -> ModelManifest:
        self.reads.append(location.name)
        return super().read(location, listing)


def listing(disk: Disk, folder: Path) -> tuple[tuple[ModelReport, ...], list[str]]:
    """A listing through the index, and the cached models that were opened for it."""
    cache = CountingCache(disk.cache.root)
    stores = replace(disk.stores, cache=cache)
    return ListModels(stores, LIBRARIES, index_of(folder)).execute(ListQuery()), cache.reads


@pytest.mark.usefixtures("clock")
def test_the_second_listing_says_the_same_and_reads_nothing(disk: Disk, tmp_path: Path) -> None:
    for case in ALL_CASES:
        case.build(disk.cache.root, disk.home)
    first, first_reads = listing(disk, tmp_path)
    second, second_reads = listing(disk, tmp_path)
    assert first == second == disk.list_models().execute(ListQuery())
    assert len(first_reads) > 100
    assert second_reads == []


def shorten(folder: Path) -> None:
    os.truncate((folder / "model.safetensors").resolve(), 100)


def edit_in_place(folder: Path) -> None:
    """The same size, the same modification time: only the change time tells."""
    path = (folder / "config.json").resolve()
    before = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace('"llama"', '"nobdy"'), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def lose_a_blob(folder: Path) -> None:
    (folder / "config.json").resolve().unlink()


def add_a_marker(folder: Path) -> None:
    (folder / "new.partial").touch()


def take_the_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def begin_a_download(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder.parent.parent / "blobs" / "abc.incomplete").touch()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "change", [shorten, edit_in_place, lose_a_blob, add_a_marker, take_the_tokenizer, begin_a_download]
)
def test_the_disk_is_always_right(disk: Disk, tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder = disk.cache.add("org/a", FILES)
    disk.cache.add("org/b", FILES)
    before, _ = listing(disk, tmp_path)
    assert all(report.runtime_compatible for report in before)
    change(folder)
    after, reads = listing(disk, tmp_path)
    assert reads == ["org/a"]
    assert [report.name for report in after if not report.runtime_compatible] == ["org/a"]
    assert after == disk.list_models().execute(ListQuery())


@pytest.mark.usefixtures("clock")
def test_removed_models_are_forgotten_and_a_pattern_forgets_nothing(disk: Disk, tmp_path: Path) -> None:
    for name in ("a", "b"):
        add_workspace(disk.home / name, FILES)
    index = index_of(tmp_path)
    lister = ListModels(disk.stores, LIBRARIES, index)
    lister.execute(ListQuery())
    models = [location for store in disk.stores.every for location in store.locate_all()]
    assert remembered(index, models) == {"a", "b", "demo"}
    (disk.home / "a" / "config.json").write_text("{}", encoding="utf-8")
    lister.execute(ListQuery("a"))
    assert remembered(index, models) == {"a", "b", "demo"}
    for path in sorted((disk.home / "a").iterdir()):
        path.unlink()
    (disk.home / "b" / "config.json").write_text("{}", encoding="utf-8")
    lister.execute(ListQuery())
    assert remembered(index, models) == {"b", "demo"}


def test_what_changed_a_moment_ago_is_not_remembered(disk: Disk, tmp_path: Path) -> None:
    disk.cache.add("org/a", FILES)
    listing(disk, tmp_path)
    assert remembered(index_of(tmp_path), disk.stores.cache.locate_all()) == set()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff\xfe\x00garbage\n"),
        lambda path: path.write_text("[" * 100_000, encoding="utf-8"),
        lambda path: path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8"),
        lambda path: path.write_text(path.read_text(encoding="utf-8").replace("MLX", "M\ufffdX\n"), encoding="utf-8"),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: path.unlink(),
    ],
    ids=["empty", "bytes", "nested", "cut", "lines", "folder", "gone"],
)
def test_a_spoilt_index_is_as_good_as_none(disk: Disk, tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    disk.cache.add("org/a", FILES)
    expected, _ = listing(disk, tmp_path)
    (path,) = (tmp_path / "cache").glob("catalog-*.jsonl")
    spoil(path)
    assert listing(disk, tmp_path)[0] == expected


@pytest.mark.usefixtures("clock")
def test_other_libraries_judge_anew(disk: Disk, tmp_path: Path) -> None:
    disk.cache.add("org/a", FILES)
    listing(disk, tmp_path)
    models = list(disk.stores.cache.locate_all())
    assert index_of(tmp_path).load(LIBRARIES.fingerprint(), models)
    assert index_of(tmp_path).load("other libraries", models) == {}


def test_a_place_that_cannot_be_written_is_no_error(disk: Disk, tmp_path: Path) -> None:
    disk.cache.add("org/a", FILES)
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    assert len(listing(disk, tmp_path)[0]) == 2


@pytest.mark.usefixtures("clock")
def test_the_index_is_the_users_alone_and_lies_outside_the_models(disk: Disk, tmp_path: Path) -> None:
    disk.cache.add("org/a", FILES)
    listing(disk, tmp_path)
    (path,) = (tmp_path / "cache").iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not list(disk.cache.root.rglob("catalog-*"))


@pytest.mark.usefixtures("clock")
def test_indexes_of_catalogs_long_unseen_are_dropped(disk: Disk, tmp_path: Path) -> None:
    disk.cache.add("org/a", FILES)
    for number in range(KEPT_FILES + 3):
        ListModels(disk.stores, LIBRARIES, FileReportIndex(tmp_path / "cache", str(number))).execute(ListQuery())
    assert len(list((tmp_path / "cache").iterdir())) == KEPT_FILES


@pytest.mark.usefixtures("clock")
def test_a_remembered_report_is_for_its_own_folder_only(disk: Disk, tmp_path: Path) -> None:
    """Two snapshots with the same files have different keys."""
    disk.cache.add("org/a", FILES)
    listing(disk, tmp_path)
    (path,) = (tmp_path / "cache").glob("catalog-*.jsonl")
    keys = [json.loads(line)[0] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert any(revision_of("org/a") in key for key in keys)
