"""ReportCrew of forked processes, for commands that do one thing and end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

from adapters.model_store.report_codec import decoded, encoded, written
from domain.catalog.location import LocatedModel
from ports.report_index import RememberedReport

MAX_PROCESSES = 4
# Below this many models for each process, starting it costs more than it saves.
LEAST_SHARE = 100

Judge = Callable[[LocatedModel], RememberedReport]


class ForkedCrew:
    """Only for processes with a single thread: a fork takes no other along. Where the system has no anonymous files
    (macOS, whose libraries do not like forks either) everything is judged in this process.

    processes: at most so many, this one included; None means one for each core.
    """

    def __init__(self, processes: int | None = None) -> None:
        self._processes = processes

    def judge_all(self, locations: Sequence[LocatedModel], judge: Judge) -> Sequence[RememberedReport]:
        count = self._count(len(locations))
        helpers = [_Helper(locations[number::count], judge) for number in range(1, count)]
        try:
            shares = [[judge(location) for location in locations[::count]]]
            shares.extend(helper.result() for helper in helpers)
        finally:
            for helper in helpers:
                helper.dismiss()
        return [shares[number % count][number // count] for number in range(len(locations))]

    def _count(self, models: int) -> int:
        if not hasattr(os, "memfd_create"):
            return 1
        cores = self._processes or min(MAX_PROCESSES, len(os.sched_getaffinity(0)))
        return max(1, min(cores, models // LEAST_SHARE))


class _Helper:
    """One forked process and its share. Its answers go into an anonymous file, so that it never waits for a reader."""

    def __init__(self, share: Sequence[LocatedModel], judge: Judge) -> None:
        self._share = share
        self._judge = judge
        self._file = os.memfd_create("mlxk-reports")
        self._process = os.fork()
        if not self._process:
            self._work()

    def result(self) -> list[RememberedReport]:
        """Blocks until the process has ended; what it could not do is done here."""
        process, self._process = self._process, 0
        _, status = os.waitpid(process, 0)
        if status == 0:
            os.lseek(self._file, 0, os.SEEK_SET)
            with os.fdopen(os.dup(self._file), encoding="utf-8") as lines:
                fields = [json.loads(line) for line in lines]
            return [decoded(each, location) for each, location in zip(fields, self._share, strict=True)]
        return [self._judge(location) for location in self._share]

    def dismiss(self) -> None:
        """Idempotent."""
        if self._process:
            os.kill(self._process, 9)
            os.waitpid(self._process, 0)
            self._process = 0
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _work(self) -> None:
        """In the new process; never returns, and leaves nothing of the old one's to be written twice."""
        failed = 1
        try:
            with os.fdopen(self._file, "w", encoding="utf-8") as file:
                file.writelines(f"{written(encoded(self._judge(location)))}\n" for location in self._share)
            failed = 0
        finally:
            os._exit(failed)
