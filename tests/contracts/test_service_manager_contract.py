"""ServiceManager: launchd and systemd over stand-ins for their programs, which keep state as the real ones do, and the
fake.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from adapters.service_manager.launchd import Launchd
from adapters.service_manager.systemd import Systemd
from domain.serving.service_plan import ServicePlan, is_ours
from ports.service_manager import ServiceManager, ServiceState
from tests.support.fakes.server_processes import FakeServiceManager

PLAN = ServicePlan(("/bin/python", "/x/mlxk/__main__.py", "serve"), {"HF_HOME": "/hf"}, PurePosixPath("/logs/a.log"))
# What each does with the words it is asked with; $S is a folder for its state, $F the description.
SYSTEMCTL = """
case "$2" in
  enable) touch "$S/enabled"; [ "$3" = --now ] && touch "$S/running"; true;;
  restart) touch "$S/running";;
  disable) rm -f "$S/enabled" "$S/running";;
  daemon-reload) true;;
  show)
    [ -e "$F" ] && echo LoadState=loaded || echo LoadState=not-found
    [ -e "$S/running" ] && echo ActiveState=active || echo ActiveState=inactive;;
  *) echo "unknown $2" >&2; exit 1;;
esac
"""
LAUNCHCTL = """
case "$1" in
  bootstrap) [ -e "$S/running" ] && { echo "Bootstrap failed: 5" >&2; exit 5; }; touch "$S/running";;
  bootout) rm "$S/running";;
  print) [ -e "$S/running" ] && printf 'x = {\\n\\tstate = running\\n}\\n' || exit 113;;
  *) echo "unknown $1" >&2; exit 1;;
esac
"""


def program(folder: Path, body: str, described: Path) -> str:
    path = folder / "manager"
    path.write_text(f"#!/bin/sh\nS='{folder}'\nF='{described}'\n{body}")
    path.chmod(0o755)
    return str(path)


def systemd(folder: Path) -> ServiceManager:
    return Systemd(folder, program(folder, SYSTEMCTL, folder / "systemd/user/mlxk.service"))


def launchd(folder: Path) -> ServiceManager:
    return Launchd(folder, program(folder, LAUNCHCTL, folder))


def fake(folder: Path) -> ServiceManager:
    return FakeServiceManager()


@pytest.fixture(params=[systemd, launchd, fake], ids=["systemd", "launchd", "fake"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> ServiceManager:
    make: Callable[[Path], ServiceManager] = request.param
    return make(tmp_path)


def test_a_description_is_signed_read_back_and_removed(manager: ServiceManager) -> None:
    assert manager.read() is None
    text = manager.text(PLAN)
    assert is_ours(text)
    assert all(each in text for each in ("/x/mlxk/__main__.py", "HF_HOME"))
    manager.write(text)
    assert manager.read() == text
    manager.write("another")
    assert manager.read() == "another"
    manager.remove()
    assert manager.read() is None
    manager.remove()


def test_a_service_runs_from_start_to_stop(manager: ServiceManager) -> None:
    assert manager.state() is ServiceState.ABSENT
    manager.stop()
    manager.write(manager.text(PLAN))
    for _ in range(2):
        manager.start()
        assert manager.state() is ServiceState.RUNNING
    manager.stop()
    assert manager.state() is not ServiceState.RUNNING
    manager.stop()
    manager.remove()
    assert manager.state() is ServiceState.ABSENT


def test_it_says_what_a_person_would_type(manager: ServiceManager) -> None:
    assert manager.name in ("launchd", "systemd")
    assert all(command and all(command) for command in (*manager.start_commands, *manager.stop_commands))
    assert os.path.isabs(manager.file)  # noqa: PTH117
