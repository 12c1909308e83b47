"""Memory on macOS: `sysctl` and `vm_stat`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence

from domain.serving.memory_policy import GIB, DeviceMemory

COMMAND_SECONDS = 5.0
_PAGE_SIZE = re.compile(r"page size of (\d+) bytes", re.ASCII)
_PAGES = re.compile(r'^"?(Pages [a-z ]+)"?:\s+(\d+)\.?$', re.MULTILINE | re.ASCII)
# Pages a program can have without anything being swapped: unused ones, read-ahead, and what can be dropped.
_AVAILABLE = ("Pages free", "Pages speculative", "Pages inactive")
# Metal's default for the working set: two thirds of small memories, three quarters of large ones.
_SMALL_BYTES = 36 * GIB

Run = Callable[[Sequence[str]], str]


def run_command(command: Sequence[str]) -> str:
    """What the command prints; "" when it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


class DarwinMemoryProbe:
    """MemoryProbe. run: how the two commands are run."""

    def __init__(self, run: Run = run_command) -> None:
        self._run = run

    def read(self) -> DeviceMemory | None:
        total = self._sysctl("hw.memsize")
        if not total:
            return None
        return DeviceMemory(
            total_bytes=total,
            available_bytes=min(total, self._available_bytes()),
            device_limit_bytes=self._working_set_bytes(total),
            counts_loaded=False,
        )

    def _available_bytes(self) -> int:
        report = self._run(("/usr/bin/vm_stat",))
        size = _PAGE_SIZE.search(report)
        pages = {name: int(count) for name, count in _PAGES.findall(report)}
        return sum(pages.get(name, 0) for name in _AVAILABLE) * (int(size[1]) if size else 0)

    def _working_set_bytes(self, total: int) -> int:
        """What the user allowed with `iogpu.wired_limit_mb`; 0 there means the system's default."""
        allowed = self._sysctl("iogpu.wired_limit_mb")
        if allowed:
            return min(total, allowed * 1024 * 1024)
        return total * 2 // 3 if total <= _SMALL_BYTES else total * 3 // 4

    def _sysctl(self, name: str) -> int:
        text = self._run(("/usr/sbin/sysctl", "-n", name)).strip()
        return int(text) if text.isdecimal() else 0
