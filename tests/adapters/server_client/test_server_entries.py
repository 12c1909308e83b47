"""Entries of running servers: private, of this machine, and gone with their process."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.server_client.entries import ServerFolder
from domain.serving.server_instance import ServerInstance
from ports.running_servers import ServerEntry


def entry(process_id: int = 0, started: float = 1.0) -> ServerEntry:
    return ServerEntry(process_id or os.getpid(), "127.0.0.1", 8000, "1", started, ServerInstance("s3cret"))


def found(home: Path) -> list[ServerEntry]:
    return [each for _, each in ServerFolder(home).entries()]


def file(home: Path) -> Path:
    (only,) = (home / "servers").iterdir()
    return only


@pytest.fixture
def entered(tmp_path: Path) -> Path:
    """A home with one entry, of this process."""
    ServerFolder(tmp_path / "deep/cache").enter(entry())
    return tmp_path / "deep/cache"


def ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_an_entry_is_found_as_it_was_made_and_only_its_user_can_read_it(entered: Path) -> None:
    assert found(entered) == [entry()]
    assert stat.S_IMODE(file(entered).stat().st_mode) == 0o600
    assert stat.S_IMODE((entered / "servers").stat().st_mode) == 0o700


def test_it_is_gone_when_taken_back_and_that_may_be_said_twice(entered: Path) -> None:
    for _ in range(2):
        ServerFolder(entered).leave(os.getpid())
        assert found(entered) == []
    assert list((entered / "servers").iterdir()) == []


def test_a_process_has_one_entry(entered: Path) -> None:
    ServerFolder(entered).enter(entry(started=2.0))
    assert found(entered) == [entry(started=2.0)]


def test_the_latest_is_first(entered: Path) -> None:
    ServerFolder(entered).enter(entry(os.getppid(), started=2.0))
    assert [each.started for each in found(entered)] == [2.0, 1.0]


def test_the_entry_of_a_process_that_has_ended_is_swept(tmp_path: Path) -> None:
    ServerFolder(tmp_path).enter(entry(ended_process()))
    assert found(tmp_path) == []
    assert list((tmp_path / "servers").iterdir()) == []


def test_nothing_is_found_where_nothing_is_and_nothing_is_made(tmp_path: Path) -> None:
    assert found(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o602])
def test_an_entry_that_others_may_touch_does_not_count(entered: Path, mode: int) -> None:
    file(entered).chmod(mode)
    assert found(entered) == []


def test_an_entry_of_another_user_does_not_count(entered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert found(entered) == []


def test_a_link_does_not_count(entered: Path) -> None:
    path = file(entered)
    path.rename(entered / "elsewhere")
    path.symlink_to(entered / "elsewhere")
    assert found(entered) == []


def test_an_entry_of_another_machine_is_neither_used_nor_swept(entered: Path) -> None:
    changed(entered, machine="another", pid=ended_process())
    assert found(entered) == []
    assert file(entered)


def changed(home: Path, **values: Any) -> None:
    body = {**json.loads(file(home).read_text()), **values}
    file(home).write_text(json.dumps({name: each for name, each in body.items() if each is not ...}))


@pytest.mark.parametrize(
    "values",
    [
        {"format": 1}, {"pid": "1"}, {"pid": -1}, {"pid": 0}, {"port": 0}, {"port": 70000}, {"supervisor": -1},
        {"host": None}, {"secret": ""}, {"secret": 3}, {"version": ...}, {"started": "now"}, {"machine": ...},
        {"born": 3}, {"born": []}, {"born": [1, 2]}, {"stopping": 1},
    ],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_does_not_count(entered: Path, values: dict[str, Any]) -> None:
    changed(entered, **values)
    assert found(entered) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 4096, b"{}" + b" " * 9000 + b"x"])
def test_a_file_that_is_no_entry_does_not_count(entered: Path, body: bytes) -> None:
    file(entered).write_bytes(body)
    assert found(entered) == []


def test_a_fifo_does_not_hold_anybody_up(entered: Path) -> None:
    file(entered).unlink()
    os.mkfifo(entered / "servers" / "x.json", 0o600)
    assert found(entered) == []


def test_the_secret_is_not_shown_by_accident() -> None:
    assert "s3cret" not in repr(entry())
