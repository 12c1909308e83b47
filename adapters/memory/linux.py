"""Memory on Linux: /proc/meminfo, bounded by the control groups that a container lives in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from domain.serving.memory_policy import DeviceMemory

# cgroup v1 says "no limit" with a number near 2**63.
_UNLIMITED = 1 << 60
_MEMINFO = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE | re.ASCII)


class LinuxMemoryProbe:
    """MemoryProbe. root: where /proc and /sys hang."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def read(self) -> DeviceMemory | None:
        facts = {key: int(kib) * 1024 for key, kib in _MEMINFO.findall(_text(self._root / "proc/meminfo"))}
        total = facts.get("MemTotal")
        if total is None:
            return None
        available = facts.get("MemAvailable", facts.get("MemFree", 0))
        for limit, used in self._groups():
            total = min(total, limit)
            available = min(available, max(0, limit - used))
        return DeviceMemory(total_bytes=total, available_bytes=available, device_limit_bytes=available)

    def _groups(self) -> Iterator[tuple[int, int]]:
        """Limit and used bytes (without file pages that can be dropped) of every group above this process."""
        for line in _text(self._root / "proc/self/cgroup").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if not controllers:
                mount, names = "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                mount = "sys/fs/cgroup/memory"
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            else:
                continue
            yield from self._chain(self._root / mount, path.strip("/"), names)

    def _chain(self, mount: Path, path: str, names: tuple[str, str, str]) -> Iterator[tuple[int, int]]:
        """The group and those it lies in; a container sees its own group as the mount itself."""
        parts = [part for part in path.split("/") if part not in ("", ".", "..")]
        for depth in range(len(parts), -1, -1):
            folder = mount.joinpath(*parts[:depth])
            limit = _number(_text(folder / names[0]))
            used = _number(_text(folder / names[1]))
            if limit is None or used is None or limit >= _UNLIMITED:
                continue
            droppable = re.search(rf"^{names[2]} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
            yield limit, used - min(used, int(droppable[1]) if droppable else 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str) -> int | None:
    """None for `max`, for nothing, and for what is no number."""
    stripped = text.strip()
    return int(stripped) if stripped.isdecimal() else None
