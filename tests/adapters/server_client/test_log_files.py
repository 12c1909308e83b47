"""Logs of servers in the background: put aside when they have grown, and followed through that."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.server_client import background
from adapters.server_client.background import open_log, put_aside
from adapters.server_client.log_files import LogFiles, log_path


class Silence(Exception):
    """Nothing more was there."""


def followed(path: Path, count: int = 9) -> Generator[str]:
    """Raises Silence instead of waiting."""

    def no_more(_: float) -> None:
        raise Silence

    yield from LogFiles(path.parent.parent, no_more).follow(path, count)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = log_path(tmp_path, 8000)
    with open_log(found) as log:
        log.write(b"one\ntwo\n")
    return found


def test_only_its_user_can_read_a_log(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with open_log(path) as log:
        log.write(b"three\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "one\ntwo\nthree\n"


def test_a_log_that_is_a_link_is_not_written(path: Path, tmp_path: Path) -> None:
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        open_log(path)


def test_a_log_that_has_grown_is_put_aside_and_three_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LARGEST_LOG_BYTES", 5)
    for number in range(5):
        with open_log(path) as log:
            log.write(f"start {number}\n".encode())
    names = sorted(each.name for each in path.parent.iterdir())
    assert names == [path.name, *(f"{path.name}.{number}" for number in (1, 2, 3))]
    assert [(path.parent / each).read_text() for each in names] == [f"start {number}\n" for number in (4, 3, 2, 1)]
    assert [each.port for each in LogFiles(path.parent.parent).known()] == [8000]


@pytest.mark.parametrize("size", [1, 3, 60_000])
def test_the_last_lines_of_a_long_log(path: Path, size: int) -> None:
    lines = [f"{number} {'é' * size}" for number in range(5)]
    path.write_text("\n".join(lines) + "\nunfinished")
    logs = LogFiles(path.parent.parent)
    assert logs.last_lines(path, 3) == "\n".join([*lines[-2:], "unfinished"])
    assert next(followed(path, 3)) == logs.last_lines(path, 3)
    assert logs.last_lines(path, 0) == ""
    assert logs.last_lines(path, 99) == path.read_text()


def test_a_log_is_followed_from_its_last_lines_through_its_growth(path: Path) -> None:
    with closing(followed(path, 1)) as pieces:
        assert next(pieces) == "two\n"
        with path.open("a") as log:
            log.write("three\n")
        assert next(pieces) == "three\n"
        with pytest.raises(Silence):
            next(pieces)


def test_a_character_that_comes_in_two_pieces_is_one(path: Path) -> None:
    path.write_bytes("é".encode()[:1])
    pieces = followed(path)
    assert next(pieces) == ""
    with path.open("ab") as log:
        log.write("é".encode()[1:])
    assert next(pieces) == "é"
    with pytest.raises(Silence):
        next(pieces)


def test_a_log_that_is_put_aside_is_read_to_its_end_and_then_the_new_one(path: Path) -> None:
    pieces = followed(path)
    assert next(pieces) == "one\ntwo\n"
    with path.open("a") as log:
        put_aside(path)
        with open_log(path) as new:
            new.write(b"four\n")
        log.write("three\n")
    assert next(pieces) == "three\n"
    assert next(pieces) == "four\n"
    with pytest.raises(Silence):
        next(pieces)


def test_a_log_that_was_cut_is_read_from_its_beginning(path: Path) -> None:
    pieces = followed(path)
    assert next(pieces) == "one\ntwo\n"
    path.write_text("new\n")
    assert next(pieces) == "new\n"
    with pytest.raises(Silence):
        next(pieces)


def test_the_latest_log_is_known_first_and_nothing_else_counts(path: Path, tmp_path: Path) -> None:
    other = log_path(tmp_path, 9000)
    for name in ("server-x.log", "server-1.log.1", "starting-3.log"):
        (path.parent / name).write_text("")
    open_log(other).close()
    os.utime(path, (1, 1))
    assert [each.port for each in LogFiles(tmp_path).known()] == [9000, 8000]
    assert LogFiles(tmp_path / "none").known() == ()
