"""What processes hold: memory, threads, descriptors. From /proc."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Held:
    """pss_bytes: shared pages count in parts, so that sums are what the processes take together."""

    pss_bytes: int
    threads: int
    descriptors: int

    def __add__(self, other: Held) -> Held:
        return Held(
            self.pss_bytes + other.pss_bytes, self.threads + other.threads, self.descriptors + other.descriptors
        )

    def __str__(self) -> str:
        return f"{self.pss_bytes / 1e6:.1f} MB, {self.threads} threads, {self.descriptors} descriptors"


def held(*process_ids: int) -> Held:
    """All of them together."""
    found = Held(0, 0, 0)
    for each in process_ids:
        home = Path(f"/proc/{each}")
        lines = (home / "smaps_rollup").read_text(encoding="ascii").splitlines()
        pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        found += Held(pss * 1024, len(list((home / "task").iterdir())), len(list((home / "fd").iterdir())))
    return found


def zombies(process_ids: list[int]) -> list[int]:
    """Those that have ended and were not waited for."""
    states = {
        each: Path(f"/proc/{each}/stat").read_text(encoding="utf-8").rpartition(")")[2][1] for each in process_ids
    }
    return [each for each, state in states.items() if state == "Z"]
