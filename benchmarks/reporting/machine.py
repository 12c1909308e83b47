"""This machine, looked at: what it is, how it fares, what runs on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.memory import DarwinMemoryProbe, LinuxMemoryProbe
from adapters.memory.darwin import run_command
from benchmarks.reporting import hardware
from benchmarks.reporting.hardware import HardwareProfile
from benchmarks.reporting.health import Health, SystemMemory, swap_from_meminfo, swap_from_sysctl
from benchmarks.reporting.process_table import PS_COLUMNS, Process, from_ps, from_stat, zombies

Run = Callable[[Sequence[str]], str]
PS = ("/bin/ps", "-A", "-ww", "-o", PS_COLUMNS)
SYSCTL_NAMES = (
    "hw.model",
    "machdep.cpu.brand_string",
    "hw.physicalcpu",
    "hw.perflevel0.physicalcpu",
    "hw.perflevel1.physicalcpu",
)


@dataclass(frozen=True)
class SystemFacts:
    """What stays as it is for a whole run. None: not known."""

    platform: str
    platform_version: str
    python_version: str
    mlx_version: str | None
    ram_total_bytes: int | None
    profile: HardwareProfile


class Machine(Protocol):
    """A machine that tests run on. Its methods look afresh at every call."""

    def facts(self) -> SystemFacts: ...

    def memory(self) -> SystemMemory: ...

    def processes(self) -> list[Process]: ...


class LinuxMachine:
    """Machine. root: where /proc, /sys and /etc hang."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._memory = LinuxMemoryProbe(root)

    def facts(self) -> SystemFacts:
        memory = self._memory.read()
        return SystemFacts(
            platform="linux",
            platform_version=_pretty_name(self._text("etc/os-release")) or platform.platform(),
            python_version=platform.python_version(),
            mlx_version=_mlx_version(),
            ram_total_bytes=memory.total_bytes if memory else None,
            profile=self._profile(),
        )

    def memory(self) -> SystemMemory:
        memory = self._memory.read()
        return SystemMemory(
            swap_bytes=swap_from_meminfo(self._text("proc/meminfo")),
            free_bytes=memory.available_bytes if memory else None,
            total_bytes=memory.total_bytes if memory else None,
        )

    def processes(self) -> list[Process]:
        found = []
        for each in (self._root / "proc").iterdir():
            if each.name.isdecimal():
                process = from_stat(self._text(f"proc/{each.name}/stat"), self._page_bytes, _raw(each / "cmdline"))
                if process is not None:
                    found.append(process)
        return found

    def _profile(self) -> HardwareProfile:
        processors = self._root / "sys/devices/system/cpu"
        capacities = {
            int(each.parent.name.removeprefix("cpu")): int(text)
            for each in processors.glob("cpu[0-9]*/cpu_capacity")
            if (text := _raw(each).decode().strip()).isdecimal()
        }
        model = self._text("sys/class/dmi/id/product_name") or self._text("proc/device-tree/model")
        slow = hardware.slow_cores(capacities, self._text("sys/devices/cpu_atom/cpus"))
        return hardware.from_linux(self._text("proc/cpuinfo"), model, slow)

    def _text(self, name: str) -> str:
        return _raw(self._root / name).decode(errors="replace")


class DarwinMachine:
    """Machine. run: how sysctl, vm_stat, system_profiler, sw_vers and ps are run."""

    def __init__(self, run: Run = run_command) -> None:
        self._run = run
        self._memory = DarwinMemoryProbe(run)

    def facts(self) -> SystemFacts:
        memory = self._memory.read()
        version = self._run(("/usr/bin/sw_vers", "-productVersion")).strip()
        displays = self._run(("/usr/sbin/system_profiler", "-json", "SPDisplaysDataType"))
        return SystemFacts(
            platform="darwin",
            platform_version=f"macOS {version}" if version else platform.platform(),
            python_version=platform.python_version(),
            mlx_version=_mlx_version(),
            ram_total_bytes=memory.total_bytes if memory else None,
            profile=hardware.from_darwin({name: self._sysctl(name) for name in SYSCTL_NAMES}, displays),
        )

    def memory(self) -> SystemMemory:
        memory = self._memory.read()
        return SystemMemory(
            swap_bytes=swap_from_sysctl(self._sysctl("vm.swapusage")),
            free_bytes=memory.available_bytes if memory else None,
            total_bytes=memory.total_bytes if memory else None,
        )

    def processes(self) -> list[Process]:
        """Without the `ps` that lists them."""
        found = from_ps(self._run(PS))
        return [each for each in found if each.command != " ".join(PS)]

    def _sysctl(self, name: str) -> str:
        return self._run(("/usr/sbin/sysctl", "-n", name))


def health(machine: Machine, root: int) -> Health:
    """root: the process whose unwaited children count as zombies."""
    return Health(machine.memory(), zombies(machine.processes(), root))


def this_machine() -> Machine:
    return DarwinMachine() if sys.platform == "darwin" else LinuxMachine()


def system_section(facts: SystemFacts) -> Mapping[str, object]:
    """`system` of a report's line; what is not known is None."""
    return {
        "platform": facts.platform,
        "platform_version": facts.platform_version,
        "python_version": facts.python_version,
        "mlx_version": facts.mlx_version,
        "hardware": facts.profile.for_people(),
        "ram_total_gb": None if facts.ram_total_bytes is None else round(facts.ram_total_bytes / 2**30, 3),
        "hardware_profile": vars(facts.profile),
    }


def _mlx_version() -> str | None:
    try:
        return importlib.metadata.version("mlx")
    except importlib.metadata.PackageNotFoundError:
        return None


def _pretty_name(text: str) -> str:
    lines = (line.partition("=") for line in text.splitlines())
    return next((value.strip("\"' ") for name, _, value in lines if name == "PRETTY_NAME"), "")


def _raw(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
