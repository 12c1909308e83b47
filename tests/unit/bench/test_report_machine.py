"""What a report says of a machine, from recorded outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.reporting import hardware, health
from benchmarks.reporting.hardware import HardwareProfile
from benchmarks.reporting.health import Health, SystemMemory, quality_flags
from benchmarks.reporting.machine import LinuxMachine, SystemFacts, system_section
from benchmarks.reporting.process_table import below
from tests.support.recorded_mac import DISPLAYS, SYSCTL, recorded_mac

GIB = 2**30
FIT = SystemMemory(swap_bytes=0, free_bytes=20 * GIB, total_bytes=32 * GIB)

HYPER_THREADED = """processor\t: 0
model name\t: Intel(R) Core(TM) i7-1260P
physical id\t: 0
core id\t\t: 0

processor\t: 1
model name\t: Intel(R) Core(TM) i7-1260P
physical id\t: 0
core id\t\t: 0

processor\t: 2
model name\t: Intel(R) Core(TM) i7-1260P
physical id\t: 0
core id\t\t: 8

processor\t: 3
model name\t: Intel(R) Core(TM) i7-1260P
physical id\t: 0
core id\t\t: 9
"""
ARM = "processor\t: 0\nBogoMIPS\t: 48.00\nCPU implementer\t: 0x61\n\nprocessor\t: 1\nCPU implementer\t: 0x61\n"


def test_an_apple_machine_is_told_whole() -> None:
    facts = recorded_mac().facts()
    assert facts.profile == HardwareProfile("Mac14,13", "Apple M2 Max", 8, 4, 38, "3")
    assert (facts.platform, facts.platform_version, facts.ram_total_bytes) == ("darwin", "macOS 15.7", 64 * GIB)
    section = system_section(facts)
    assert section["hardware"] == "Apple M2 Max, 8+4 cores, 38 GPU cores"
    assert section["ram_total_gb"] == 64.0


def test_an_apple_machines_memory_is_what_can_be_had_and_the_swap_in_use() -> None:
    memory = recorded_mac().memory()
    assert memory == SystemMemory(int(51.25 * 2**20), (1500000 + 600000 + 55555) * 16384, 64 * GIB)


def test_the_listing_of_processes_does_not_list_itself() -> None:
    """It would be taken for something that the test runs."""
    own = [each.command for each in below(recorded_mac().processes(), os.getpid())]
    assert [each for each in own if each.startswith("/bin/ps ")] == []


@pytest.mark.parametrize("told", ["spdisplays_metal4", "Metal 4", "metal4"])
def test_metal_is_read_however_the_system_spells_it(told: str) -> None:
    profile = hardware.from_darwin(SYSCTL, DISPLAYS.replace("spdisplays_metal3", told))
    assert profile.metal_version == "4"


@pytest.mark.parametrize("displays", ["", "[]", '{"SPDisplaysDataType": 3}', '{"SPDisplaysDataType": []}'])
def test_without_a_list_of_displays_the_rest_is_still_known(displays: str) -> None:
    profile = hardware.from_darwin(SYSCTL, displays)
    assert (profile.chip, profile.gpu_cores, profile.metal_version) == ("Apple M2 Max", None, None)


def test_an_intel_mac_has_no_levels_of_cores() -> None:
    told = {"hw.physicalcpu": "6\n", "machdep.cpu.brand_string": "Intel(R) Core(TM) i7\n"}
    profile = hardware.from_darwin(told, "")
    assert (profile.chip_cores_performance, profile.chip_cores_efficiency) == (6, None)
    assert profile.for_people() == "Intel(R) Core(TM) i7, 6 cores"


def test_threads_of_one_core_are_one_and_atoms_are_efficiency_cores() -> None:
    profile = hardware.from_linux(HYPER_THREADED, "20Y0\n", hardware.slow_cores({}, "2-3\n"))
    assert profile == HardwareProfile("20Y0", "Intel(R) Core(TM) i7-1260P", 1, 2)


def test_arm_kernels_tell_small_cores_by_their_capacity() -> None:
    assert hardware.slow_cores({0: 512, 1: 512, 2: 1024}, "") == {0, 1}
    assert hardware.slow_cores({0: 1024, 1: 1024}, "") == set()
    assert hardware.slow_cores({}, "1,4-6\n") == {1, 4, 5, 6}


def test_an_arm_chip_without_a_name_is_called_by_its_makers_number() -> None:
    profile = hardware.from_linux(ARM, "\0", ())
    assert profile == HardwareProfile(None, "CPU of implementer 0x61", 2, 0)


def test_linux_is_read_from_its_files(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": "MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\nSwapTotal: 2048 kB\nSwapFree: 1024 kB\n",
        "proc/cpuinfo": HYPER_THREADED,
        "proc/7/stat": f"7 (we ird) na (me) S 1 7 {'0 ' * 18}3 0",
        "proc/7/cmdline": "python\0-m\0mlxk\0",
        "sys/class/dmi/id/product_name": "Mac mini of wood\n",
        "sys/devices/system/cpu/cpu0/cpu_capacity": "1024\n",
        "sys/devices/system/cpu/cpu3/cpu_capacity": "400\n",
        "etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    machine = LinuxMachine(tmp_path)
    facts = machine.facts()
    assert facts.platform_version == "Debian GNU/Linux 12 (bookworm)"
    assert facts.profile == HardwareProfile("Mac mini of wood", "Intel(R) Core(TM) i7-1260P", 2, 1)
    assert machine.memory() == SystemMemory(2**20, 16 * GIB, 32 * GIB)
    [process] = machine.processes()
    assert (process.process_id, process.parent_id, process.state) == (7, 1, "S")
    assert process.command == "python -m mlxk"


def test_what_a_machine_does_not_tell_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    machine = LinuxMachine(tmp_path)
    assert machine.memory() == SystemMemory(None, None, None)
    facts = machine.facts()
    assert facts.profile == HardwareProfile()
    assert system_section(SystemFacts("linux", "x", "3", None, None, HardwareProfile()))["hardware"] is None


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("total = 2048.00M  used = 1021.75M  free = 1026.25M  (encrypted)", int(1021.75 * 2**20)),
        ("total = 0.00M  used = 0.00M  free = 0.00M", 0),
        ("total = 12.00G  used = 1.50G  free = 10.50G", int(1.5 * GIB)),
        ("", None),
    ],
)
def test_swap_in_use_on_macos(text: str, used: int | None) -> None:
    assert health.swap_from_sysctl(text) == used


def test_a_fit_machine_is_clean_and_nothing_else() -> None:
    assert quality_flags(Health(FIT, 0), 4 * GIB) == ["clean"]


def test_swap_is_forgiven_up_to_100_mb() -> None:
    swapping = [SystemMemory(mib * 2**20, 20 * GIB, 32 * GIB) for mib in (100, 101)]
    assert [quality_flags(Health(each, 0), None) for each in swapping] == [["clean"], ["degraded_swap"]]


def test_memory_is_short_below_a_tenth_or_below_the_model_and_a_fifth() -> None:
    assert quality_flags(Health(SystemMemory(0, 3 * GIB, 32 * GIB), 0), None) == ["degraded_memory"]
    assert quality_flags(Health(SystemMemory(0, 4 * GIB, 32 * GIB), 0), None) == ["clean"]
    assert quality_flags(Health(SystemMemory(0, 11 * GIB, 32 * GIB), 0), 10 * GIB) == ["degraded_memory"]
    assert quality_flags(Health(SystemMemory(0, 12 * GIB, 32 * GIB), 0), 10 * GIB) == ["clean"]


def test_every_degradation_is_told_at_once() -> None:
    found = quality_flags(Health(SystemMemory(GIB, GIB, 32 * GIB), 2), None)
    assert found == ["degraded_swap", "degraded_zombies", "degraded_memory"]


def test_a_machine_that_says_nothing_is_not_called_degraded() -> None:
    assert quality_flags(Health(SystemMemory(None, None, None), 0), GIB) == ["clean"]
