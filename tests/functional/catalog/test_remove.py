"""Removing: planned, shown, executed; nothing more than was asked for."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

import pytest
from filelock import FileLock
from huggingface_hub import scan_cache_dir

from adapters.filesystem.local import LocalFileSystem
from adapters.filesystem.strict import MARK, StrictFileSystem
from adapters.inference.prefix_cache.stored import FolderPrefixStore
from application.catalog.list_models import ListQuery
from container import Container
from domain.catalog.removal import CacheContents
from domain.errors import AccessDenied, Conflict, InternalError, InvalidRequest, ModelNotFound
from entrypoints.settings import load_settings
from tests.support.catalog_disk import Disk
from tests.support.model_zoo.content import llama_config, text_model
from tests.support.model_zoo.places import add_workspace, revision_of

FILES = text_model()
OLD, NEW = "ab12" + "0" * 36, "ab34" + "0" * 36


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def two_revisions(disk: Disk) -> Path:
    """README and weights are shared, config.json differs, extra.txt is the old one's alone."""
    disk.cache.add("org/two", {**FILES, "extra.txt": "old"}, revision=OLD, refs=("v1",))
    disk.cache.add("org/two", {**FILES, "config.json": llama_config(vocab_size=7)}, revision=NEW)
    return disk.cache.folder("org/two")


def test_the_plan_touches_nothing(disk: Disk) -> None:
    disk.cache.add("org/a", FILES)
    before = everything(disk.cache.root)
    plan = disk.remove_model().plan("org/a")
    assert plan.contents.freed_bytes > 0
    assert everything(disk.cache.root) == before


def test_a_model_goes_whole_and_nothing_else(disk: Disk) -> None:
    disk.cache.add("org/a", FILES)
    disk.cache.add("org/ab", FILES)
    locks = disk.cache.root / ".locks" / "models--org--a"
    locks.mkdir(parents=True)
    (locks / "left-over.lock").touch()
    neighbour = everything(disk.cache.folder("org/ab"))
    removing = disk.remove_model()
    plan = removing.plan("org/a")
    assert (plan.whole_model, plan.spelled_out, plan.held_locks) == (True, True, ())
    assert removing.execute(plan).lock_files_removed == 1
    assert not disk.cache.folder("org/a").exists()
    assert not locks.exists()
    assert everything(disk.cache.folder("org/ab")) == neighbour


def test_freed_bytes_are_what_the_hub_library_counts(disk: Disk) -> None:
    disk.cache.add("org/a", FILES)
    two_revisions(disk)
    repos = {repo.repo_id: repo for repo in scan_cache_dir(disk.cache.root).repos}
    planned = disk.remove_model().plan("org/a").contents.freed_bytes
    refs = len(revision_of("org/a"))
    assert planned == repos["org/a"].size_on_disk + refs
    strategy = scan_cache_dir(disk.cache.root).delete_revisions(OLD)
    assert disk.remove_model().plan(f"org/two@{OLD}").contents.freed_bytes == strategy.expected_freed_size


def test_one_revision_goes_with_the_blobs_nobody_else_uses(disk: Disk) -> None:
    repo = two_revisions(disk)
    strategy = scan_cache_dir(disk.cache.root).delete_revisions(OLD)
    removing = disk.remove_model()
    plan = removing.plan("org/two@v1")
    assert (plan.revision, plan.whole_model, plan.contents.kept_revisions) == (OLD, False, (NEW,))
    assert {str(path) for path in plan.contents.blobs} == {str(path) for path in strategy.blobs}
    removing.execute(plan)
    assert [path.name for path in (repo / "snapshots").iterdir()] == [NEW]
    assert [path.name for path in (repo / "refs").iterdir()] == ["main"]
    assert all(link.exists() for link in (repo / "snapshots" / NEW).iterdir())
    (left,) = disk.list_models().execute(ListQuery("org/two"))
    assert (left.healthy, left.revision) == (True, NEW)


def test_the_last_revision_is_the_whole_model(disk: Disk) -> None:
    disk.cache.add("org/a", FILES)
    removing = disk.remove_model()
    plan = removing.plan("org/a@main")
    assert plan.whole_model
    removing.execute(plan)
    assert not disk.cache.folder("org/a").exists()


def test_no_blob_is_given_up_while_another_revision_cannot_be_read(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    two_revisions(disk)
    real = os.scandir

    def refuse(path: str | Path) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith(NEW):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("adapters.model_store.cache_inventory.os.scandir", refuse)
    assert disk.remove_model().plan(f"org/two@{OLD}").contents.blobs == ()


def test_an_unknown_revision_is_refused_and_nothing_is_deleted(disk: Disk) -> None:
    repo = two_revisions(disk)
    before = everything(repo)
    with pytest.raises(ModelNotFound) as refusal:
        disk.remove_model().plan("org/two@feedbeef")
    assert refusal.value.detail["available_hashes"] == [OLD, NEW]
    assert everything(repo) == before


def test_a_completed_name_is_flagged(disk: Disk) -> None:
    disk.cache.add("mlx-community/Something", FILES)
    assert not disk.remove_model().plan("Something").spelled_out
    assert not disk.remove_model().plan("some").spelled_out
    assert disk.remove_model().plan("mlx-community/Something@main").spelled_out


def test_a_workspace_is_refused_with_the_way_out(disk: Disk) -> None:
    folder = add_workspace(disk.home / "mine", FILES)
    for spec in ("mine", str(folder)):
        with pytest.raises(InvalidRequest, match="is a workspace") as refusal:
            disk.remove_model().plan(spec)
        assert f"rm -rf {folder}" in (refusal.value.hint or "")


def test_the_builtin_model_is_refused(disk: Disk) -> None:
    with pytest.raises(InvalidRequest, match="comes with mlxk"):
        disk.remove_model().plan("demo")


@contextmanager
def held_by_the_hub(disk: Disk) -> Iterator[Path]:
    lock = disk.cache.root / ".locks" / "models--org--a" / "0123.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        yield lock


def test_a_held_lock_stops_it_and_a_leftover_file_does_not(disk: Disk) -> None:
    disk.cache.add("org/a", FILES)
    removing = disk.remove_model()
    with held_by_the_hub(disk) as lock:
        plan = removing.plan("org/a")
        assert plan.held_locks == (lock,)
        with pytest.raises(Conflict) as refusal:
            removing.execute(plan)
        assert refusal.value.detail == {"lock_files": [str(lock)]}
        assert disk.cache.folder("org/a").exists()
    assert lock.exists()
    removing.execute(plan)
    assert not disk.cache.folder("org/a").exists()


def test_force_deletes_under_a_held_lock(disk: Disk) -> None:
    disk.cache.add("org/a", FILES)
    removing = disk.remove_model()
    with held_by_the_hub(disk):
        removing.execute(removing.plan("org/a"), force=True)
    assert not disk.cache.folder("org/a").exists()


def test_the_locks_are_held_while_it_deletes(disk: Disk) -> None:
    disk.cache.add("org/a", FILES)
    lock = disk.cache.root / ".locks" / "models--org--a" / "0123.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    seen: list[bool] = []

    class Watching(LocalFileSystem):
        def remove_tree(self, path: PurePath) -> None:
            with lock.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    seen.append(True)
            if path.name == "refs":
                super().remove_tree(path)

    removing = disk.remove_model(Watching())
    removing.execute(removing.plan("org/a"))
    assert len(seen) == 6


def test_links_out_of_the_cache_are_not_followed(disk: Disk, tmp_path: Path) -> None:
    outside = add_workspace(tmp_path / "outside", FILES)
    snapshot = disk.cache.add("org/a", FILES)
    (snapshot / "folder").symlink_to(outside)
    (snapshot / "file").symlink_to(outside / "config.json")
    removing = disk.remove_model()
    removing.execute(removing.plan("org/a"))
    assert everything(outside) == set(FILES)


@pytest.mark.parametrize("linked", ["snapshot", "snapshots"])
@pytest.mark.parametrize("spec", ["org/a", f"org/a@{OLD}"])
def test_a_snapshot_folder_that_is_a_link_loses_only_the_link(
    disk: Disk, tmp_path: Path, linked: str, spec: str
) -> None:
    outside = add_workspace(tmp_path / "outside" / OLD, FILES)
    add_workspace(tmp_path / "outside" / NEW, FILES)
    snapshots = disk.cache.add("org/a", FILES, revision=NEW).parent
    if linked == "snapshots":
        shutil.rmtree(snapshots)
        snapshots.symlink_to(outside.parent)
    else:
        (snapshots / OLD).symlink_to(outside)
    removing = disk.remove_model()
    plan = removing.plan(spec)
    if linked == "snapshot" or plan.whole_model:
        removing.execute(plan)
        assert everything(outside) == set(FILES)
    assert all(path.name != "config.json" for path in plan.contents.first if path.parent.name == OLD)


def test_a_model_folder_that_is_a_link_loses_only_the_link(disk: Disk, tmp_path: Path) -> None:
    elsewhere = Disk.under(tmp_path / "elsewhere")
    elsewhere.cache.add("org/a", FILES)
    disk.cache.folder("org/a").symlink_to(elsewhere.cache.folder("org/a"))
    before = everything(elsewhere.cache.root)
    removing = disk.remove_model()
    removing.execute(removing.plan("org/a"))
    assert not disk.cache.folder("org/a").is_symlink()
    assert everything(elsewhere.cache.root) == before


class Dies(LocalFileSystem):
    """Ends after some deletions, as a killed process does."""

    def __init__(self, after: int) -> None:
        self._left = after

    def remove_tree(self, path: PurePath) -> None:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        super().remove_tree(path)


@pytest.mark.parametrize("after", range(5))
def test_cut_short_at_any_step_it_says_incomplete_and_can_be_repeated(disk: Disk, after: int) -> None:
    disk.cache.add("org/a", FILES)
    removing = disk.remove_model(Dies(after))
    with pytest.raises(KeyboardInterrupt):
        removing.execute(removing.plan("org/a"))
    (left,) = disk.list_models().execute(ListQuery("org/a"))
    assert left.healthy is (after == 0)
    again = disk.remove_model()
    again.execute(again.plan("org/a"))
    assert not disk.cache.folder("org/a").exists()


def test_what_cannot_be_deleted_is_access_denied_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, *, dir_fd: int | None = None) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a").mkdir()
    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(AccessDenied, match=f"{tmp_path}/a cannot be deleted: Permission denied"):
        LocalFileSystem().remove_tree(tmp_path / "a")


@pytest.mark.parametrize("path", ["/", "/cache", "/cache/../etc", "/etc"])
def test_no_plan_reaches_out_of_the_cache(path: str) -> None:
    with pytest.raises(InternalError, match="nothing was deleted"):
        CacheContents(PurePath("/cache"), (), (), (), (PurePath(path),), 0)


def test_the_strict_guard_lets_only_marked_folders_go(tmp_path: Path) -> None:
    marked, plain = Disk.under(tmp_path / f"{MARK}1"), Disk.under(tmp_path / "plain")
    for disk in (marked, plain):
        disk.cache.add("org/a", FILES)
    guarded = marked.remove_model(StrictFileSystem(LocalFileSystem()))
    guarded.execute(guarded.plan("org/a"))
    refused = plain.remove_model(StrictFileSystem(LocalFileSystem()))
    with pytest.raises(AccessDenied, match="MLXK2_STRICT_TEST_DELETE"):
        refused.execute(refused.plan("org/a"))
    assert plain.cache.folder("org/a").exists()


def through_a_link(tmp_path: Path) -> tuple[Disk, Path]:
    """A cache that is addressed through a symlinked folder, and the folder behind it."""
    real = Disk.under(tmp_path / "real").cache.root
    (tmp_path / "link").symlink_to(tmp_path / "real")
    return Disk.at(tmp_path / "link"), real


def respell(snapshot: Path, blobs: Path) -> None:
    """Makes the links of a snapshot absolute, with this spelling of the blobs' folder."""
    for link in snapshot.iterdir():
        name = link.readlink().name
        link.unlink()
        link.symlink_to(blobs / name)


@pytest.mark.parametrize("respelled", [NEW, OLD])
def test_a_blob_that_another_revision_links_to_by_another_path_stays(tmp_path: Path, respelled: str) -> None:
    disk, real = through_a_link(tmp_path)
    repo = two_revisions(disk)
    respell(repo / "snapshots" / respelled, real / repo.name / "blobs")
    removing = disk.remove_model()
    plan = removing.plan(f"org/two@{OLD}")
    assert len(plan.contents.blobs) == 2
    removing.execute(plan)
    assert all(link.exists() for link in (repo / "snapshots" / NEW).iterdir())
    (left,) = disk.list_models().execute(ListQuery("org/two"))
    assert (left.healthy, left.revision) == (True, NEW)


@pytest.mark.parametrize("target", ["../../../elsewhere/blobs/gone", "itself", "../../blobs", "/nowhere/at/all"])
def test_no_blob_is_given_up_while_a_link_of_another_revision_cannot_be_understood(disk: Disk, target: str) -> None:
    repo = two_revisions(disk)
    (repo / "snapshots" / NEW / "itself").symlink_to(target)
    assert disk.remove_model().plan(f"org/two@{OLD}").contents.blobs == ()


def test_a_blob_that_another_revision_reaches_through_a_second_link_stays(disk: Disk) -> None:
    repo = two_revisions(disk)
    (repo / "hop").symlink_to((repo / "snapshots" / OLD / "extra.txt").resolve())
    (repo / "snapshots" / NEW / "by-a-hop").symlink_to("../../hop")
    assert len(disk.remove_model().plan(f"org/two@{OLD}").contents.blobs) == 1


def test_the_way_to_remove_a_workspace_can_be_pasted_whatever_its_name(disk: Disk) -> None:
    folder = add_workspace(disk.home / "my model; ls", FILES)
    with pytest.raises(InvalidRequest) as refusal:
        disk.remove_model().plan(str(folder))
    command = (refusal.value.hint or "").partition(": ")[2]
    assert shlex.split(command) == ["rm", "-rf", str(folder)]


@pytest.mark.parametrize("name", [f"{MARK}1", "plain"])
def test_the_variable_brings_the_strict_guard_in(tmp_path: Path, name: str) -> None:
    disk = Disk.under(tmp_path / name)
    disk.cache.add("org/a", FILES)
    environ = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / name), "MLXK2_STRICT_TEST_DELETE": "1"}
    container = Container(settings=load_settings({}, environ))
    removing = container.remove_model()
    plan = removing.plan("org/a")
    if name == "plain":
        with pytest.raises(AccessDenied, match="MLXK2_STRICT_TEST_DELETE"):
            removing.execute(plan)
    else:
        removing.execute(plan)
    assert disk.cache.folder("org/a").exists() is (name == "plain")


def test_a_refused_removal_touches_nothing(tmp_path: Path) -> None:
    disk = Disk.under(tmp_path / "plain")
    disk.cache.add("org/a", FILES)
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "mlxk", "rm", "org/a", "--yes", "--json"],
        env={"HOME": str(tmp_path), "HF_HUB_CACHE": str(disk.cache.root), "MLXK2_STRICT_TEST_DELETE": "1"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["type"]) == (1, "access_denied")
    assert "lies in no folder marked mlxk2_test_" in error["message"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_refusal_comes_before_the_prompts_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk.under(tmp_path / "plain")
    disk.cache.add("org/a", FILES)
    forgotten: list[object] = []
    monkeypatch.setattr(FolderPrefixStore, "clear", lambda _, stored: forgotten.append(stored))
    removing = disk.remove_model(StrictFileSystem(LocalFileSystem()))
    with pytest.raises(AccessDenied, match="MLXK2_STRICT_TEST_DELETE"):
        removing.execute(removing.plan("org/a"))
    assert forgotten == []
