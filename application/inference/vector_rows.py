"""Rows of many requests that wait to be read, and which of them go together."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ports.vector_engine import TokenRow

SHORT_TOKENS = 16  # padding up to here costs next to nothing


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """at: its place in its request."""

    request_id: int
    at: int
    row: TokenRow


@dataclass(slots=True)
class Job:
    """A request whose rows are read. waiting: by length, then place, the longest last. unread: rows that have not been
    read, those that have not come yet included. passes: those that it has led.
    """

    request_id: int
    unread: int
    pairs: bool
    dimensions: int | None = None
    prompt_tokens: int = 0
    passes: int = 0
    scores: dict[int, float] = field(default_factory=dict)
    waiting: list[tuple[int, int, TokenRow]] = field(default_factory=list)

    def add(self, at: int, row: TokenRow) -> None:
        insort(self.waiting, (len(row), at, row), key=lambda each: each[:2])
        self.prompt_tokens += len(row)

    def longest(self, most: int) -> int | None:
        """Where its longest row of at most so many tokens waits."""
        found = bisect_right(self.waiting, most, key=lambda each: each[0])
        return found - 1 if found else None

    def take(self, where: int) -> WaitingRow:
        _, at, row = self.waiting.pop(where)
        return WaitingRow(self.request_id, at, row)


class WaitingRows:
    """One thread's. Each pass is led by one request, and others' rows of about the same length go with it, by turns. In
    every second pass the request leads that has led the fewest, in the others the oldest: a request that has just come
    waits for a pass or two whatever else is there, and none waits for ever.
    """

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        self._oldest_next = False

    @property
    def count(self) -> int:
        return sum(len(job.waiting) for job in self.jobs.values())

    def next_pass(self, batch_rows: Callable[[int], int]) -> list[WaitingRow]:
        """Taken out of those that wait; [] when none do. batch_rows: how many rows of one length go into a pass."""
        leader = self._leader()
        if leader is None:
            return []
        leader.passes += 1
        longest = leader.waiting[-1][0]
        together = [leader, *(job for job in self.jobs.values() if job is not leader and job.pairs == leader.pairs)]
        return list(_by_turns(together, longest, batch_rows(longest)))

    def _leader(self) -> Job | None:
        ready = [job for job in self.jobs.values() if job.waiting]
        if not ready:
            return None
        oldest, self._oldest_next = self._oldest_next, not self._oldest_next
        return ready[0] if oldest else min(ready, key=lambda job: job.passes)


def _by_turns(jobs: list[Job], longest: int, count: int) -> Iterator[WaitingRow]:
    least = 0 if longest <= SHORT_TOKENS else longest // 2
    while jobs:
        going_on: list[Job] = []
        for job in jobs:
            where = job.longest(longest)
            if where is None or job.waiting[where][0] < least:
                continue
            if count < 1:
                return
            count -= 1
            yield job.take(where)
            going_on.append(job)
        jobs = going_on
