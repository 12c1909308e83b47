"""Whose turn it is, where some wait while they speak and others have sent a file."""

from __future__ import annotations

LIVE_TURNS = 3


class Turns:
    """Those who are live get LIVE_TURNS turns for each one of the others; among equals, who has waited longest."""

    def __init__(self) -> None:
        self._live: list[int] = []
        self._others: list[int] = []
        self._in_a_row = 0

    def add(self, job_id: int, *, live: bool) -> None:
        (self._live if live else self._others).append(job_id)

    def drop(self, job_id: int) -> None:
        """Unknown ones are no error."""
        for line in (self._live, self._others):
            if job_id in line:
                line.remove(job_id)

    def next(self) -> tuple[int, ...]:
        """Those whose turn it is now, who has waited longest first; all of one kind. () when nobody is here."""
        if self._live and (not self._others or self._in_a_row < LIVE_TURNS):
            self._in_a_row += 1
            return tuple(self._live)
        self._in_a_row = 0
        return tuple(self._others)

    def served(self, job_id: int) -> None:
        """It goes to the end of its line."""
        for line in (self._live, self._others):
            if job_id in line:
                line.remove(job_id)
                line.append(job_id)
