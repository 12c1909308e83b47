"""What every FileLocks does, beside the locks that downloads take."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from adapters.filesystem.locks import FlockFileLocks
from domain.errors import Conflict
from ports.filesystem import FileLocks

# Takes the lock, says so, and keeps it as long as it lives.
HOLDER = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"


@pytest.fixture(params=[FlockFileLocks])
def locks(request: pytest.FixtureRequest) -> FileLocks:
    made: FileLocks = request.param()
    return made


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    made = (tmp_path / "a.lock", tmp_path / "b.lock")
    for path in made:
        path.write_text("left over", encoding="utf-8")
    return made


def test_a_file_that_nobody_holds_is_only_a_file(locks: FileLocks, paths: tuple[Path, Path]) -> None:
    assert locks.held(paths) == ()
    assert locks.held([paths[0].parent / "gone.lock"]) == ()
    assert [path.read_text(encoding="utf-8") for path in paths] == ["left over"] * 2
    assert sorted(paths[0].parent.iterdir()) == list(paths)


def test_those_that_somebody_holds_are_told_and_the_others_not(locks: FileLocks, paths: tuple[Path, Path]) -> None:
    with FileLock(paths[1]):
        assert locks.held(paths) == (paths[1],)
    assert locks.held(paths) == ()


def test_a_lock_is_gone_with_the_process_that_held_it(locks: FileLocks, paths: tuple[Path, Path]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(paths[0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        held = locks.held(paths)
        holder.kill()
    assert held == (paths[0],)
    assert locks.held(paths) == ()


def test_they_are_all_held_for_the_block_and_no_longer(locks: FileLocks, paths: tuple[Path, Path]) -> None:
    with locks.hold(paths):
        assert locks.held(paths) == paths
        with paths[1].open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert locks.held(paths) == ()


def test_they_are_given_back_when_the_block_fails(locks: FileLocks, paths: tuple[Path, Path]) -> None:
    with pytest.raises(KeyError), locks.hold(paths):
        raise KeyError("in the block")
    assert locks.held(paths) == ()


def test_holding_what_somebody_holds_is_a_conflict_that_names_it_and_holds_none(
    locks: FileLocks, paths: tuple[Path, Path]
) -> None:
    with FileLock(paths[1]):
        with pytest.raises(Conflict, match=str(paths[1])), locks.hold(paths):
            pytest.fail("the block must not run")
        assert locks.held(paths) == (paths[1],)


def test_files_that_are_gone_are_no_hindrance(locks: FileLocks, paths: tuple[Path, Path]) -> None:
    paths[0].unlink()
    with locks.hold(paths):
        assert locks.held(paths) == (paths[1],)
    assert not paths[0].exists()


def test_where_there_are_no_locks_every_file_counts_as_held(
    locks: FileLocks, paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for code in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):

        def refuse(*_: object, code: int = code) -> None:
            raise OSError(code, "no locks here")

        monkeypatch.setattr(fcntl, "flock", refuse)
        assert locks.held(paths) == paths
        with pytest.raises(Conflict), locks.hold(paths):
            pytest.fail("the block must not run")
