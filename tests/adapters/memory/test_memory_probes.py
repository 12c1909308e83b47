"""Memory as the systems report it, from recorded outputs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.memory import DarwinMemoryProbe, LinuxMemoryProbe, memory_probe_for
from adapters.memory.darwin import run_command
from domain.serving.memory_policy import GIB, DeviceMemory

MEMINFO = """MemTotal:       32768000 kB
MemFree:         1000000 kB
MemAvailable:   20480000 kB
Buffers:          204800 kB
HugePages_Total:       0
"""
VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               12345.
Pages active:                            700000.
Pages inactive:                          600000.
Pages speculative:                        55555.
Pages throttled:                              0.
Pages wired down:                        200000.
Pages purgeable:                           9999.
"Translation faults":                1234567890.
Pages copy-on-write:                   12345678.
File-backed pages:                       333333.
"""


def linux(root: Path, files: dict[str, str]) -> DeviceMemory | None:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return LinuxMemoryProbe(root).read()


def test_linux_without_a_container(tmp_path: Path) -> None:
    assert linux(tmp_path, {"proc/self/cgroup": "0::/user.slice\n"}) == DeviceMemory(
        32768000 * 1024, 20480000 * 1024, 20480000 * 1024
    )


def test_a_cgroup_v2_limit_bounds_both(tmp_path: Path) -> None:
    memory = linux(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/memory.current": f"{5 * GIB}\n",
            "sys/fs/cgroup/memory.stat": f"anon {2 * GIB}\ninactive_file {3 * GIB}\nactive_file 7\n",
        },
    )
    assert memory == DeviceMemory(8 * GIB, 6 * GIB, 6 * GIB)


def test_the_narrowest_of_nested_groups_counts(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/a.slice"
    memory = linux(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a.slice/b.scope\n",
            f"{group}/memory.max": f"{4 * GIB}\n",
            f"{group}/memory.current": f"{GIB}\n",
            f"{group}/b.scope/memory.max": "max\n",
            f"{group}/b.scope/memory.current": f"{GIB}\n",
        },
    )
    assert memory == DeviceMemory(4 * GIB, 3 * GIB, 3 * GIB)


def test_a_cgroup_v1_limit_counts_and_its_unlimited_does_not(tmp_path: Path) -> None:
    folder = "sys/fs/cgroup/memory/docker/abc"
    files = {
        "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n",
        f"{folder}/memory.limit_in_bytes": f"{2 * GIB}\n",
        f"{folder}/memory.usage_in_bytes": f"{GIB}\n",
        f"{folder}/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 2}\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{9 * GIB}\n",
    }
    assert linux(tmp_path, files) == DeviceMemory(2 * GIB, 3 * GIB // 2, 3 * GIB // 2)


def test_a_group_over_its_limit_leaves_nothing(tmp_path: Path) -> None:
    memory = linux(
        tmp_path,
        {
            "proc/self/cgroup": "0::/../escape\n",
            "sys/fs/cgroup/memory.max": "100\n",
            "sys/fs/cgroup/memory.current": "200\n",
        },
    )
    assert memory == DeviceMemory(100, 0, 0)


@pytest.mark.parametrize("meminfo", ["", "MemTotal: many kB\n", "\0"])
def test_a_system_that_does_not_tell_is_unknown(tmp_path: Path, meminfo: str) -> None:
    assert linux(tmp_path, {"proc/meminfo": meminfo}) is None
    assert LinuxMemoryProbe(tmp_path / "nothing").read() is None


class Recorded:
    """The two commands of macOS."""

    def __init__(self, memsize: str, wired_limit: str = "0\n", vm_stat: str = VM_STAT) -> None:
        self._answers = {"hw.memsize": memsize, "iogpu.wired_limit_mb": wired_limit, "/usr/bin/vm_stat": vm_stat}

    def __call__(self, command: Sequence[str]) -> str:
        return self._answers[command[-1]]


@pytest.mark.parametrize(
    ("total", "wired_limit", "limit"),
    [
        (16 * GIB, "0\n", 16 * GIB * 2 // 3),
        (36 * GIB, "0\n", 24 * GIB),
        (64 * GIB, "0\n", 48 * GIB),
        (64 * GIB, "57344\n", 56 * GIB),
        (64 * GIB, "", 48 * GIB),
        (16 * GIB, "999999\n", 16 * GIB),
    ],
)
def test_macos(total: int, wired_limit: str, limit: int) -> None:
    memory = DarwinMemoryProbe(Recorded(f"{total}\n", wired_limit)).read()
    assert memory == DeviceMemory(total, (12345 + 600000 + 55555) * 16384, limit, counts_loaded=False)


def test_macos_without_vm_stat_has_nothing_free_and_without_memsize_is_unknown() -> None:
    assert DarwinMemoryProbe(Recorded(f"{16 * GIB}\n", vm_stat="")).read() == DeviceMemory(
        16 * GIB, 0, 16 * GIB * 2 // 3, counts_loaded=False
    )
    assert DarwinMemoryProbe(Recorded("")).read() is None


def test_a_command_that_is_not_there_or_fails_says_nothing() -> None:
    assert run_command(("/nowhere/sysctl",)) == ""
    assert run_command((sys.executable, "-c", "print('x'); raise SystemExit(1)")) == ""
    assert run_command((sys.executable, "-c", "print('x')")) == "x\n"


def test_the_probe_follows_the_platform_and_this_machine_answers() -> None:
    assert isinstance(memory_probe_for("darwin"), DarwinMemoryProbe)
    assert isinstance(memory_probe_for("linux"), LinuxMemoryProbe)
    here = memory_probe_for(sys.platform).read()
    assert here is not None
    assert 0 < here.available_bytes <= here.total_bytes
