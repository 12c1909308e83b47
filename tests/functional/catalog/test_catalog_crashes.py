"""Killed with SIGKILL at any change of the disk, the catalog's index is the old or the new one, and a removal leaves
the model whole, gone, or saying that it is incomplete. A sample of the points here; every point in the nightly run.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.model_store.report_index import KEPT_FILES, FileReportIndex
from application.catalog.inspect_model import InspectModel
from application.catalog.list_models import ListQuery
from domain.catalog.report import ModelReport
from domain.errors import ModelNotFound
from tests.support.catalog_disk import LIBRARIES, Disk
from tests.support.crash_points import NEVER, run_to_crashes
from tests.support.model_zoo.content import llama_config, text_model
from tests.support.model_zoo.places import add_workspace
from tests.support.workspace_kit import tree_of

FILES = {**text_model(), "README.md": "Hello", "sub/notes.txt": "x"}
OTHER = {**FILES, "config.json": llama_config(vocab_size=7)}
OLD, NEW, TWIN = "ab12" + "0" * 36, "ab34" + "0" * 36, "ab56" + "0" * 36
INDEX = "index"
SAMPLE = 8
HOUR_NS = 3_600_000_000_000


def points_until(count: int, *, every: bool) -> list[int]:
    """All of 1..count, or a sample with both ends."""
    if every or count <= SAMPLE:
        return list(range(1, count + 1))
    return sorted({1, 2, count - 1, count, *random.Random(5).sample(range(1, count + 1), SAMPLE)})  # noqa: S311


def copied(base: Path, points: Iterable[int], folder: Path) -> dict[int, Path]:
    return {point: Path(shutil.copytree(base, folder / str(point), symlinks=True)) for point in points}


def listed(folder: Path, *, indexed: bool = True) -> tuple[ModelReport, ...]:
    index = FileReportIndex(folder / INDEX) if indexed else None
    return Disk.at(folder).list_models(index).execute(ListQuery())


# The index


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour later: what was written just now is old enough to be remembered."""
    real = time.time_ns
    monkeypatch.setattr("adapters.model_store.report_index.time.time_ns", lambda: real() + HOUR_NS)


def index_bytes(folder: Path) -> bytes | None:
    """What the index of this folder's catalog holds; None without one."""
    path = FileReportIndex(folder / INDEX)._path
    return path.read_bytes() if path.exists() else None


def remembered(folder: Path) -> list[ModelReport]:
    """What the index says of the models that are here, by name."""
    models = [location for store in Disk.at(folder).stores.every for location in store.locate_all()]
    known = FileReportIndex(folder / INDEX).load(LIBRARIES.fingerprint(), models)
    return sorted((each.report for each in known.values()), key=lambda report: report.name)


def catalog(folder: Path) -> Path:
    disk = Disk.under(folder)
    for name in ("org/a", "org/b"):
        disk.cache.add(name, FILES)
    add_workspace(disk.home / "mine", FILES)
    return folder


def grown(folders: Iterable[Path]) -> None:
    """Each has an index by now, with others beside it; then a model changes and one comes."""
    for folder in folders:
        listed(folder)
        for number in range(KEPT_FILES + 1):
            other = folder / INDEX / f"catalog-{number}.jsonl"
            other.write_text("another catalog", encoding="utf-8")
            os.utime(other, (number, number))
        (folder / INDEX / "notes.txt").write_text("the user's", encoding="utf-8")
        disk = Disk.at(folder)
        (disk.home / "mine" / "tokenizer.json").unlink()
        disk.cache.add("org/c", OTHER)


def check_index(folder: Path, models: dict[str, str], before: bytes | None) -> bool:
    """Whether the index of a listing that was killed is the new one; fails when it is neither old nor new."""
    truth = listed(folder, indexed=False)
    found = index_bytes(folder)
    if found != before:
        assert found is not None, "the old index is gone"
        assert remembered(folder) == list(truth), "the index is neither the old one nor the new one"
    assert listed(folder) == truth
    assert remembered(folder) == list(truth)
    assert listed(folder) == truth
    assert not list((folder / INDEX).glob(".new-*")), "a half-written index stays for ever"
    assert {path: text for path, text in tree_of(folder).items() if not path.startswith(INDEX)} == models
    return found != before


def sweep_index(tmp_path: Path, *, update: bool, every: bool) -> None:
    base = catalog(tmp_path / "base")

    def prepared(points: Iterable[int], name: str) -> dict[int, Path]:
        folders = copied(base, points, tmp_path / name)
        if update:
            grown(folders.values())
        return folders

    count = run_to_crashes("list", prepared([NEVER], "count"), index=INDEX)[NEVER]
    assert count
    folders = prepared([*points_until(count, every=every), NEVER], "points")
    models = {point: {k: v for k, v in tree_of(at).items() if not k.startswith(INDEX)} for point, at in folders.items()}
    before = {point: index_bytes(folder) for point, folder in folders.items()}
    ended = run_to_crashes("list", folders, index=INDEX)
    assert ended == {point: count if point == NEVER else None for point in folders}
    renewed = {point: check_index(folder, models[point], before[point]) for point, folder in folders.items()}
    assert not renewed[1]
    assert renewed[NEVER]
    for folder in folders.values():
        if update:
            assert (folder / INDEX / "notes.txt").read_text(encoding="utf-8") == "the user's"
            others = {path.name for path in (folder / INDEX).glob("catalog-?*.jsonl")}
            assert f"catalog-{KEPT_FILES}.jsonl" in others


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("update", [False, True], ids=["first", "update"])
def test_a_killed_listing_leaves_the_old_index_or_the_new(tmp_path: Path, *, update: bool) -> None:
    sweep_index(tmp_path, update=update, every=False)


@pytest.mark.nightly
@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("update", [False, True], ids=["first", "update"])
def test_a_listing_killed_at_every_change_leaves_the_old_index_or_the_new(tmp_path: Path, *, update: bool) -> None:
    sweep_index(tmp_path, update=update, every=True)


def torn_anywhere(folder: Path, cuts: Sequence[int]) -> None:
    """As a machine that lost power may leave it: the end is missing, or there are zeros instead."""
    truth = listed(catalog(folder))
    whole = index_bytes(folder)
    assert whole is not None
    (path,) = (folder / INDEX).glob("catalog-*.jsonl")
    for cut in cuts:
        at = cut % len(whole)
        for torn in (whole[:at], whole[:at] + bytes(len(whole) - at)):
            path.write_bytes(torn)
            assert listed(folder) == truth, at
            assert remembered(folder) == list(truth), at


@pytest.mark.usefixtures("later")
def test_a_torn_index_is_never_believed(tmp_path: Path) -> None:
    torn_anywhere(tmp_path / "disk", random.Random(6).sample(range(10**6), 20))  # noqa: S311


@pytest.mark.nightly
@pytest.mark.usefixtures("later")
def test_an_index_torn_at_any_byte_is_never_believed(tmp_path: Path) -> None:
    torn_anywhere(tmp_path / "disk", range(0, 6000, 3))


# rm


@dataclass(frozen=True)
class Removing:
    """model: as rm is told. name, revision: what goes. kept: the revision of the same model that stays."""

    model: str
    name: str
    revision: str
    kept: str | None = None


WHOLE = Removing("org/a", "org/a", OLD)
BY_REF = Removing("org/two@v1", "org/two", OLD, kept=NEW)
BY_HASH = Removing(f"org/two@{OLD}", "org/two", OLD, kept=NEW)
ALL_SHARED = Removing(f"org/two@{TWIN}", "org/two", TWIN, kept=NEW)
CASES = [WHOLE, BY_REF, ALL_SHARED, BY_HASH]


def cache_with_neighbours(folder: Path) -> Path:
    """Revisions of org/two: two are the same, the old one has a config.json and another file of its own."""
    disk = Disk.under(folder)
    disk.cache.add("org/a", FILES, revision=OLD)
    disk.cache.add("org/ab", FILES)
    disk.cache.add("org/two", {**FILES, "extra.txt": "old"}, revision=OLD, refs=("v1", "pr/1"))
    disk.cache.add("org/two", OTHER, revision=NEW)
    disk.cache.add("org/two", OTHER, revision=TWIN, refs=())
    add_workspace(disk.home / "a", FILES)
    for name in ("org/a", "org/two"):
        lock = disk.cache.root / ".locks" / disk.cache.folder(name).name / "0123.lock"
        lock.parent.mkdir(parents=True)
        lock.touch()
    return folder


def snapshot_files(folder: Path, revision: str | None) -> dict[str, bytes | None]:
    """What somebody reads in a snapshot; None where a link leads nowhere."""
    snapshot = folder / "snapshots" / str(revision)
    paths = [path for path in snapshot.rglob("*") if path.is_symlink() or path.is_file()]
    return {str(path.relative_to(snapshot)): path.read_bytes() if path.exists() else None for path in paths}


def others(disk: Disk, case: Removing) -> dict[str, str]:
    """All that is no business of this removal."""
    mine = disk.cache.folder(case.name).name
    tree = {**tree_of(disk.cache.root), **tree_of(disk.home)}
    return {path: text for path, text in tree.items() if mine not in path.split("/")}


def check_removal(folder: Path, base: Path, case: Removing) -> None:
    disk, before = Disk.at(folder), Disk.at(base)
    repo, repo_before = disk.cache.folder(case.name), before.cache.folder(case.name)
    assert others(disk, case) == others(before, case)
    if case.kept:
        assert snapshot_files(repo, case.kept) == snapshot_files(repo_before, case.kept)
        (report,) = disk.list_models().execute(ListQuery(case.name))
        assert report.location.revision == case.kept
        assert report.healthy
    location = disk.stores.cache.locate(case.name, case.revision if case.kept else None)
    if location is not None and snapshot_files(repo, case.revision) != snapshot_files(repo_before, case.revision):
        assert not InspectModel(disk.stores, LIBRARIES).execute(location).healthy, (
            "half a model that claims to be whole"
        )


def finish(folder: Path, case: Removing) -> None:
    """As somebody at the terminal would: agree to no other model, and when the ref is gone, take the revision that the
    refusal names.
    """
    removing = Disk.at(folder).remove_model()
    try:
        plan = removing.plan(case.model)
        if plan.spelled_out:
            removing.execute(plan)
    except ModelNotFound as refusal:
        here = refusal.detail.get("available_hashes")
        if isinstance(here, list) and case.revision in here:
            removing.execute(removing.plan(f"{case.name}@{case.revision}"))


def sweep_removal(case: Removing, tmp_path: Path, *, every: bool) -> None:
    base = cache_with_neighbours(tmp_path / "base")
    counted = copied(base, [NEVER], tmp_path / "count")
    count = run_to_crashes("remove", counted, model=case.model)[NEVER]
    assert count
    wanted = tree_of(Disk.at(counted[NEVER]).cache.folder(case.name))
    folders = copied(base, points_until(count, every=every), tmp_path / "points")
    ended = run_to_crashes("remove", folders, model=case.model)
    assert set(ended.values()) == {None}
    for point, folder in folders.items():
        try:
            check_removal(folder, base, case)
            finish(folder, case)
            check_removal(folder, base, case)
            assert tree_of(Disk.at(folder).cache.folder(case.name)) == wanted, "the second run did not finish it"
        except AssertionError as failure:
            failure.add_note(f"killed before change {point} of {count}")
            raise


@pytest.mark.parametrize("case", CASES[:3], ids=["model", "ref", "shared"])
def test_a_killed_removal_leaves_nothing_that_claims_to_be_whole(tmp_path: Path, case: Removing) -> None:
    sweep_removal(case, tmp_path, every=False)


@pytest.mark.nightly
@pytest.mark.parametrize("case", CASES, ids=["model", "ref", "shared", "hash"])
def test_a_removal_killed_at_every_change_leaves_nothing_that_claims_to_be_whole(
    tmp_path: Path, case: Removing
) -> None:
    sweep_removal(case, tmp_path, every=True)
