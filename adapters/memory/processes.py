"""Resident memory of processes: from /proc where it is, by `ps` elsewhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

PS_SECONDS = 2.0


class ProcProcessMemory:
    """ProcessMemory. root: where /proc hangs."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")

    def resident_bytes(self, process_ids: Iterable[int]) -> Mapping[int, int]:
        found = ((each, self._pages(each)) for each in process_ids)
        return {each: pages * self._page_bytes for each, pages in found if pages is not None}

    def _pages(self, process_id: int) -> int | None:
        try:
            return int((self._root / "proc" / str(process_id) / "statm").read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return None


class PsProcessMemory:
    """ProcessMemory, for systems without /proc."""

    def resident_bytes(self, process_ids: Iterable[int]) -> Mapping[int, int]:
        wanted = ",".join(map(str, process_ids))
        if not wanted:
            return {}
        command = ["ps", "-o", "pid=,rss=", "-p", wanted]
        try:
            told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PS_SECONDS).stdout
        except (OSError, subprocess.TimeoutExpired):
            return {}
        lines = (line.split() for line in told.splitlines())
        return {int(pid): int(kib) * 1024 for pid, kib in lines if pid.isdecimal() and kib.isdecimal()}
