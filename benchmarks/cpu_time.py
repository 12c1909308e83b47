"""Processor time of a process and everything below it, on systems with /proc."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")


def tree_cpu_seconds(root: int) -> float | None:
    """User and system time of the living tree, in ticks of 10 ms; None where there is no /proc."""
    if not (PROC / "self" / "stat").exists():
        return None
    facts = dict(each for entry in PROC.iterdir() if entry.name.isdigit() and (each := _read(entry)) is not None)
    wanted, total = {root}, 0.0
    for process, (parent, seconds) in sorted(facts.items()):
        if process in wanted or parent in wanted:
            wanted.add(process)
            total += seconds
    return total


def _read(entry: Path) -> tuple[int, tuple[int, float]] | None:
    """(process, (parent, seconds)); None when it has just ended."""
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    ticks = int(fields[11]) + int(fields[12])
    return int(entry.name), (int(fields[1]), ticks / os.sysconf("SC_CLK_TCK"))
