"""What every FileSystem does: the local disk, tests' guard around it, and the one that tests of crashes count on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.filesystem.local import LocalFileSystem
from adapters.filesystem.strict import MARK, StrictFileSystem
from domain.errors import AccessDenied
from ports.filesystem import FileSystem
from tests.support.crash_points import NEVER, Countdown, CrashFileSystem


def local() -> FileSystem:
    return LocalFileSystem()


def strict() -> FileSystem:
    return StrictFileSystem(LocalFileSystem())


def counted() -> FileSystem:
    return CrashFileSystem(Countdown(NEVER))


@pytest.fixture(params=[local, strict, counted], ids=lambda make: make.__name__)
def filesystem(request: pytest.FixtureRequest) -> FileSystem:
    make: Callable[[], FileSystem] = request.param
    return make()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place where each of them deletes."""
    made = tmp_path / f"{MARK}contract"
    made.mkdir()
    return made


@pytest.fixture
def tree(folder: Path) -> Path:
    """A folder with folders in it, and a neighbour."""
    (folder / "tree" / "deep" / "deeper").mkdir(parents=True)
    (folder / "tree" / "empty").mkdir()
    for name in ("tree/file", "tree/deep/.hidden", "tree/deep/deeper/file", "neighbour"):
        (folder / name).write_text("words", encoding="utf-8")
    return folder / "tree"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    made = tmp_path / "outside"
    (made / "below").mkdir(parents=True)
    (made / "below" / "file").touch()
    return made


def test_a_file_goes_and_nothing_else(filesystem: FileSystem, tree: Path) -> None:
    filesystem.remove_file(tree / "file")
    assert sorted(path.name for path in tree.iterdir()) == ["deep", "empty"]


def test_a_tree_goes_with_all_that_is_in_it_and_nothing_else(filesystem: FileSystem, tree: Path) -> None:
    filesystem.remove_tree(tree)
    assert [path.name for path in tree.parent.iterdir()] == ["neighbour"]


def test_a_tree_may_be_a_single_file(filesystem: FileSystem, tree: Path) -> None:
    filesystem.remove_tree(tree / "file")
    assert sorted(path.name for path in tree.iterdir()) == ["deep", "empty"]


def test_what_is_gone_already_is_no_error(filesystem: FileSystem, tree: Path) -> None:
    for _ in range(2):
        filesystem.remove_file(tree / "file")
        filesystem.remove_tree(tree)
    filesystem.remove_tree(tree / "deep" / "deeper")
    assert not tree.exists()


def test_links_are_removed_and_never_followed(filesystem: FileSystem, folder: Path, outside: Path) -> None:
    links = {"to-folder": outside, "to-file": outside / "below" / "file", "to-nothing": outside / "gone"}
    for remove in (filesystem.remove_file, filesystem.remove_tree):
        for name, target in links.items():
            (folder / name).symlink_to(target)
            remove(folder / name)
            assert not (folder / name).is_symlink()
    assert (outside / "below" / "file").exists()


def test_links_within_a_tree_are_not_followed(filesystem: FileSystem, tree: Path, outside: Path) -> None:
    (tree / "to-folder").symlink_to(outside)
    (tree / "deep" / "to-file").symlink_to(outside / "below" / "file")
    (tree / "to-nothing").symlink_to(outside / "gone")
    filesystem.remove_tree(tree)
    assert not tree.exists()
    assert (outside / "below" / "file").exists()


def test_a_folder_is_no_file_and_stays(filesystem: FileSystem, tree: Path) -> None:
    with pytest.raises(AccessDenied, match=str(tree)):
        filesystem.remove_file(tree)
    assert (tree / "deep" / "deeper" / "file").exists()


def test_what_may_not_be_deleted_is_access_denied(
    filesystem: FileSystem, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.unlink

    def refuse(path: Any, *, dir_fd: int | None = None) -> None:
        if str(path).endswith("stays"):
            raise PermissionError(13, "Permission denied", str(path))
        real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse)
    (tree / "stays").touch()
    with pytest.raises(AccessDenied, match="stays"):
        filesystem.remove_file(tree / "stays")
    with pytest.raises(AccessDenied, match="stays"):
        filesystem.remove_tree(tree)
    assert (tree / "stays").exists()


def test_the_guard_of_tests_deletes_nothing_elsewhere(outside: Path) -> None:
    guard = strict()
    for remove in (guard.remove_file, guard.remove_tree):
        with pytest.raises(AccessDenied, match="MLXK2_STRICT_TEST_DELETE"):
            remove(outside / "below" / "file")
    assert (outside / "below" / "file").exists()
