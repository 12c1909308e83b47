"""What a soak found, and what of it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from tests.support.soak.gauges import Held
from tests.support.soak.ledger import Ledger

MEGABYTE = 1e6
# Between rests, where nothing runs: what Python's heap and MLX's buffers may swing by, and still not grow.
FRONT_GROWTH_BYTES = 5 * MEGABYTE
WORKER_GROWTH_BYTES = 8 * MEGABYTE
# Threads for requests stay once they are there; a peak a little higher than the first is no growth.
THREAD_SLACK = 8
FAULTS_SHOWN = 12
# With fewer, warming up looks like growing.
ENOUGH_RESTS = 9


@dataclass(slots=True)
class Report:
    """start, end: the front with no model loaded. front, steady: at each rest; steady is the pinned model's worker,
    from its last death on, without the buffers that MLX keeps for reuse. blows: what was done to workers.
    """

    seed: int
    seconds: float
    ledger: Ledger
    start: Held
    end: Held | None = None
    processes_at_start: int = 0
    processes_at_end: int = 0
    front: list[Held] = field(default_factory=list)
    steady: list[Held] = field(default_factory=list)
    blows: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def complaints(self) -> list[str]:
        found = [*self.notes]
        if self.ledger.open:
            found.append(f"{self.ledger.open} requests have neither answer nor error")
        faults = self.ledger.faults()
        found += [f"{each.outcome} {each.error} {each.told[:400]} of {each.wish}" for each in faults[:FAULTS_SHOWN]]
        if len(faults) > FAULTS_SHOWN:
            found.append(f"and {len(faults) - FAULTS_SHOWN} more such requests")
        found += _growth("the front", self.front, FRONT_GROWTH_BYTES)
        found += _growth("the pinned model's worker", self.steady, WORKER_GROWTH_BYTES)
        if self.end is not None:
            if self.end.descriptors > self.start.descriptors:
                found.append(f"descriptors: {self.start} at the start, {self.end} at the end")
            if self.end.threads > self.start.threads + THREAD_SLACK:
                found.append(f"threads: {self.start} at the start, {self.end} at the end")
            if self.processes_at_end > self.processes_at_start:
                found.append(f"processes: {self.processes_at_start} at the start, {self.processes_at_end} at the end")
        return found

    def text(self) -> str:
        lines = [f"seed {self.seed}, {self.seconds:.0f} s, slowest request {self.ledger.slowest():.1f} s"]
        lines += [f"  {name}: {count}" for name, count in {**self.ledger.counts(), **self.blows}.items()]
        lines += [f"start: {self.start}", f"end: {self.end}"]
        lines += [f"front at rest {number}: {each}" for number, each in enumerate(self.front)]
        lines += [f"pinned model's worker: {each}" for each in self.steady]
        return "\n".join([*lines, *(f"FAULT {each}" for each in self.complaints())])


def _growth(what: str, rests: Sequence[Held], allowed_bytes: float) -> list[str]:
    """The last third of the rests beside the one before: what does not grow has both alike, and the first third is for
    warming up.
    """
    if len(rests) < ENOUGH_RESTS:
        return []
    third = len(rests) // 3
    found = []
    first, last = rests[-2 * third : -third], rests[-third:]
    grown = fmean(each.pss_bytes for each in last) - fmean(each.pss_bytes for each in first)
    if grown > allowed_bytes:
        found.append(f"{what} has grown by {grown / MEGABYTE:.1f} MB")
    for name in ("threads", "descriptors"):
        counts = [[getattr(each, name) for each in part] for part in (first, last)]
        slack = THREAD_SLACK if name == "threads" else 0
        if min(counts[1]) > max(counts[0]) + slack:
            found.append(f"{what} has more {name}: {counts[0]} at first, {counts[1]} in the end")
    return found
