"""What kind of machine this is. Pure: from the text of sysctl, system_profiler, /proc and /sys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_METAL = re.compile(r"metal\s?(\d+(?:\.\d+)?)$", re.IGNORECASE)
_CPU_FIELD = re.compile(r"^([^:\n]+?)\s*:[ \t]*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class HardwareProfile:
    """None: not known, or not there."""

    model_identifier: str | None = None
    chip: str | None = None
    chip_cores_performance: int | None = None
    chip_cores_efficiency: int | None = None
    gpu_cores: int | None = None
    metal_version: str | None = None

    def for_people(self) -> str | None:
        """`Apple M2 Max, 8+4 cores, 30 GPU cores`; None when not even the chip is known."""
        if self.chip is None:
            return None
        parts = [self.chip]
        if self.chip_cores_performance is not None:
            slow = f"+{self.chip_cores_efficiency}" if self.chip_cores_efficiency else ""
            parts.append(f"{self.chip_cores_performance}{slow} cores")
        if self.gpu_cores is not None:
            parts.append(f"{self.gpu_cores} GPU cores")
        return ", ".join(parts)


def from_darwin(sysctl: Mapping[str, str], displays: str) -> HardwareProfile:
    """sysctl: name -> what `sysctl -n` printed. displays: what `system_profiler -json SPDisplaysDataType` did."""
    gpu = _first_gpu(displays)
    family = _METAL.search(str(gpu.get("spdisplays_mtlgpufamilysupport", "")))
    return HardwareProfile(
        model_identifier=sysctl.get("hw.model", "").strip() or None,
        chip=sysctl.get("machdep.cpu.brand_string", "").strip() or None,
        chip_cores_performance=_number(sysctl.get("hw.perflevel0.physicalcpu") or sysctl.get("hw.physicalcpu")),
        chip_cores_efficiency=_number(sysctl.get("hw.perflevel1.physicalcpu")),
        gpu_cores=_number(str(gpu.get("sppci_cores", ""))),
        metal_version=family[1] if family else None,
    )


def _first_gpu(displays: str) -> Mapping[str, object]:
    try:
        found = json.loads(displays)["SPDisplaysDataType"]
    except (ValueError, KeyError, TypeError):
        return {}
    cards = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return next((each for each in cards if "sppci_cores" in each), cards[0] if cards else {})


def from_linux(cpuinfo: str, model: str, slow_cores: Iterable[int]) -> HardwareProfile:
    """model: what the firmware calls the machine. slow_cores: processor numbers of efficiency cores."""
    processors = _processors(cpuinfo)
    slow = set(slow_cores)
    fast = {key for number, key in processors.items() if number not in slow}
    few = {key for number, key in processors.items() if number in slow}
    return HardwareProfile(
        model_identifier=model.strip("\0 \n\t") or None,
        chip=_chip(cpuinfo),
        chip_cores_performance=len(fast) if processors else None,
        chip_cores_efficiency=len(few) if processors else None,
    )


def _processors(cpuinfo: str) -> dict[int, tuple[str, str]]:
    """Processor number -> its core; threads of one core share it, where /proc tells."""
    found = {}
    for block in cpuinfo.split("\n\n"):
        fields = {name: value.strip() for name, value in _CPU_FIELD.findall(block)}
        number = fields.get("processor", "")
        if number.isdecimal():
            found[int(number)] = (fields.get("physical id", ""), fields.get("core id", f"cpu {number}"))
    return found


def _chip(cpuinfo: str) -> str | None:
    """ARM's /proc/cpuinfo mostly has no name, only the maker's number."""
    for name in ("model name", "Model", "Hardware", "CPU implementer"):
        found = re.search(rf"^{name}\s*:[ \t]*(\S.*)$", cpuinfo, re.MULTILINE)
        if found:
            return found[1].strip() if name != "CPU implementer" else f"CPU of implementer {found[1].strip()}"
    return None


def slow_cores(capacities: Mapping[int, int], atoms: str) -> set[int]:
    """Efficiency cores: those below the largest capacity that ARM kernels tell, or Intel's list (`0-3,8`) of atoms."""
    largest = max(capacities.values(), default=0)
    small = {number for number, capacity in capacities.items() if capacity < largest}
    for part in atoms.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            small.update(range(int(first), int(last or first) + 1))
    return small


def _number(text: str | None) -> int | None:
    stripped = (text or "").strip()
    return int(stripped) if stripped.isdecimal() else None
