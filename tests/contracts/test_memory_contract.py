"""What every MemoryProbe does: the made-up machine, both systems from recorded outputs, and this machine's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.memory import DarwinMemoryProbe, LinuxMemoryProbe, memory_probe_for
from domain.serving.memory_policy import GIB, DeviceMemory
from ports.memory import MemoryProbe
from tests.support.fakes.memory import Machine

KIB = 1024
PAGE_BYTES = 16 * KIB


@dataclass(frozen=True)
class Case:
    """has: total and available bytes from now on. babbles: from now on the system says only this."""

    probe: MemoryProbe
    has: Callable[[int, int], None]
    babbles: Callable[[str], None]


def fake(_: Path) -> Case:
    machine = Machine(None)

    def has(total: int, available: int) -> None:
        machine.total, machine.limit = total, available

    def babbles(_: str) -> None:
        machine.total = None

    return Case(machine, has, babbles)


def linux(root: Path) -> Case:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/user.slice\n", encoding="utf-8")

    def say(text: str) -> None:
        (root / "proc/meminfo").write_text(text, encoding="utf-8")

    def has(total: int, available: int) -> None:
        say(f"MemTotal: {total // KIB} kB\nMemFree: 4 kB\nMemAvailable: {available // KIB} kB\n")

    return Case(LinuxMemoryProbe(root), has, say)


def container(root: Path) -> Case:
    """A small control group on a large machine."""
    case = linux(root)
    group = root / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/\n", encoding="utf-8")

    def has(total: int, available: int) -> None:
        case.has(1000 * GIB, 900 * GIB)
        (group / "memory.max").write_text(f"{total}\n", encoding="utf-8")
        (group / "memory.current").write_text(f"{total - available}\n", encoding="utf-8")

    return Case(case.probe, has, case.babbles)


def darwin(_: Path) -> Case:
    said = {"hw.memsize": "", "iogpu.wired_limit_mb": "0\n", "/usr/bin/vm_stat": ""}

    def run(command: Sequence[str]) -> str:
        return said[command[-1]]

    def has(total: int, available: int) -> None:
        said["hw.memsize"] = f"{total}\n"
        pages = available // PAGE_BYTES
        said["/usr/bin/vm_stat"] = (
            f"Mach Virtual Memory Statistics: (page size of {PAGE_BYTES} bytes)\n"
            f"Pages free: {pages - 3}.\nPages active: 99999.\nPages inactive: 2.\nPages speculative: 1.\n"
        )

    def babbles(text: str) -> None:
        said.update(dict.fromkeys(said, text))

    return Case(DarwinMemoryProbe(run), has, babbles)


@pytest.fixture(params=[fake, linux, container, darwin], ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make: Callable[[Path], Case] = request.param
    return make(tmp_path)


def test_it_tells_what_there_is_in_bytes(case: Case) -> None:
    case.has(16 * GIB, 6 * GIB)
    memory = case.probe.read()
    assert memory is not None
    assert (memory.total_bytes, memory.available_bytes) == (16 * GIB, 6 * GIB)
    assert 0 < memory.device_limit_bytes <= memory.total_bytes


def test_every_call_looks_afresh(case: Case) -> None:
    for total, available in ((16 * GIB, 6 * GIB), (16 * GIB, 5 * GIB), (8 * GIB, GIB)):
        case.has(total, available)
        memory = case.probe.read()
        assert memory is not None
        assert (memory.total_bytes, memory.available_bytes) == (total, available)


@pytest.mark.parametrize("text", ["", "MemTotal: many kB\n", "-1\n", "\0\ufffd\n"])
def test_a_system_that_does_not_tell_is_unknown_and_no_error(case: Case, text: str) -> None:
    case.babbles(text)
    assert case.probe.read() is None


def test_threads_may_ask_at_once(case: Case) -> None:
    case.has(16 * GIB, 6 * GIB)
    with ThreadPoolExecutor(4) as threads:
        answers: set[DeviceMemory | None] = set(threads.map(lambda _: case.probe.read(), range(40)))
    assert answers == {case.probe.read()}


def test_this_machine_keeps_its_numbers_in_order() -> None:
    memory = memory_probe_for(sys.platform).read()
    assert memory is not None
    assert memory.total_bytes > 100 * KIB * KIB, "bytes, not a larger unit"
    assert 0 <= memory.available_bytes <= memory.total_bytes
    assert 0 <= memory.device_limit_bytes <= memory.total_bytes
