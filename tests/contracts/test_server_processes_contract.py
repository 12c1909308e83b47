"""ServerProcesses: over entries of real processes, and the fake."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.server_client.entries import ServerFolder
from adapters.server_client.processes import EnteredProcesses
from domain.serving.server_instance import ServerInstance
from ports.running_servers import ServerEntry
from ports.server_processes import ServerCondition, ServerProcesses
from tests.support.eventually import eventually
from tests.support.fakes.server_processes import FakeProcesses, server_entry

WAITING = "import signal, sys; print('up', flush=True); signal.pause()"


@dataclass
class House:
    """Two servers, on ports 9001 and 9002, with one process each."""

    processes: ServerProcesses

    @property
    def ports(self) -> list[int]:
        return [each.port for each in self.processes.running()]


@pytest.fixture(params=["entered", "fake"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    if request.param == "fake":
        yield House(FakeProcesses(server_entry(9002, 2), server_entry(9001, 1)))
        return
    folder = ServerFolder(tmp_path)
    children = []
    for port in (9002, 9001):
        child = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        folder.enter(ServerEntry(child.pid, "127.0.0.1", port, "1", 1.0, ServerInstance("s"), child.pid))
        children.append(child)
    yield House(EnteredProcesses(folder, patience_seconds=1.0))
    for child in children:
        child.kill()
        with child:
            child.wait()


def test_those_that_live_are_told_by_port(house: House) -> None:
    assert house.ports == [9001, 9002]
    assert not any(house.processes.gone(each) for each in house.processes.running())


def test_one_that_was_asked_to_end_is_gone_and_asking_again_is_no_fault(house: House) -> None:
    first, second = house.processes.running()
    house.processes.terminate(first)
    eventually(lambda: house.processes.gone(first), "the end of the process")
    assert house.ports == [9002]
    house.processes.terminate(first)
    house.processes.kill(first)
    assert not house.processes.gone(second)


def test_one_that_was_killed_is_gone(house: House) -> None:
    _, second = house.processes.running()
    house.processes.kill(second)
    eventually(lambda: house.processes.gone(second), "the end of the process")
    assert house.ports == [9001]


def test_one_that_has_gone_is_silent(house: House) -> None:
    first, _ = house.processes.running()
    house.processes.kill(first)
    eventually(lambda: house.processes.gone(first), "the end of the process")
    assert house.processes.look(first).condition is ServerCondition.SILENT
