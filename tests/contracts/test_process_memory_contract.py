"""What every ProcessMemory does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.memory import ProcProcessMemory, PsProcessMemory, process_memory_for
from ports.process_memory import ProcessMemory

MIB = 1 << 20
KINDS = [PsProcessMemory, *([ProcProcessMemory] if sys.platform == "linux" else [])]


@pytest.fixture(params=KINDS)
def memory(request: pytest.FixtureRequest) -> ProcessMemory:
    made: ProcessMemory = request.param()
    return made


def test_a_process_that_holds_much_is_said_to(memory: ProcessMemory) -> None:
    code = "held = bytes(range(256)) * (80 << 12); print(len(held), flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        told = memory.resident_bytes([os.getpid(), child.pid])
        child.communicate(b"\n")
    assert set(told) == {os.getpid(), child.pid}
    assert 80 * MIB < told[child.pid] < 200 * MIB


def test_processes_that_are_not_there_are_left_out(memory: ProcessMemory) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert list(memory.resident_bytes([child.pid, os.getpid()])) == [os.getpid()]
    assert memory.resident_bytes([child.pid]) == {}
    assert memory.resident_bytes([]) == {}


def test_a_proc_that_babbles_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "statm").write_text("what?", encoding="ascii")
    assert ProcProcessMemory(tmp_path).resident_bytes([7]) == {}


def test_the_system_decides_how_it_is_asked() -> None:
    assert isinstance(process_memory_for("linux"), ProcProcessMemory)
    assert isinstance(process_memory_for("darwin"), PsProcessMemory)
