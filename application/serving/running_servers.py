"""Which servers of this user run, what they are doing, and how they are stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.errors import Conflict, ServerNotFound, UsageError
from ports.running_servers import ServerEntry
from ports.server_processes import ServerCondition, ServerProcesses, ServerReport

PAUSE_SECONDS = 0.05
QUICK_SECONDS = 5.0
BETWEEN_SIGNALS_SECONDS = 0.5  # two at the same moment may arrive as one


@dataclass(frozen=True, slots=True)
class Stopped:
    """killed: it did not end when it was asked to."""

    entry: ServerEntry
    killed: bool


class RunningServers:
    """clock: monotonic seconds; sleep: for so many."""

    def __init__(self, processes: ServerProcesses, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._processes = processes
        self._clock = clock
        self._sleep = sleep

    def reports(self, port: int | None = None) -> tuple[ServerReport, ...]:
        """Of all, or of those on one port. Raises nothing: one whose port another program has counts as silent."""
        return tuple(self._look(each) for each in self._processes.running() if port in (None, each.port))

    def chosen(self, port: int | None, *, every: bool) -> tuple[ServerEntry, ...]:
        """Those that are meant: all, those on a port, or the only one. Raises ServerNotFound, and UsageError when it is
        not clear which.
        """
        running = self._processes.running()
        meant = tuple(each for each in running if port in (None, each.port))
        if not meant:
            raise ServerNotFound(
                "no server runs" if port is None else f"no server runs on port {port}",
                hint=_others(running) or "`mlxk serve` starts one",
            )
        if len({each.port for each in meant}) > 1 and not every:
            raise UsageError(f"{len(meant)} servers run: it is not clear which is meant", hint=_others(meant))
        return meant

    def stop(self, entry: ServerEntry, *, patience_seconds: float, force: bool) -> Stopped:
        """Ask it to finish its answers and end, and wait. force: at once, and not only ask.

        Raises Conflict when it goes on after the patience, or when the port is another program's.
        """
        self._processes.look(entry)  # another program on its port is refused; one that is silent may be stopped
        self._processes.terminate(entry)
        if not force:
            if self._ends(entry, patience_seconds):
                return Stopped(entry, killed=False)
            raise Conflict(
                f"the server on port {entry.port} has not ended within {patience_seconds:g} s: it may be finishing "
                "its answers",
                hint=f"ask again, or end it now: mlxk stop --port {entry.port} --force",
            )
        if self._ends(entry, BETWEEN_SIGNALS_SECONDS):
            return Stopped(entry, killed=False)
        self._processes.terminate(entry)  # the second one says "at once"
        if self._ends(entry, QUICK_SECONDS):
            return Stopped(entry, killed=False)
        self._processes.kill(entry)
        if not self._ends(entry, QUICK_SECONDS):
            raise Conflict(
                f"process {entry.signalled_id} does not end although it was killed",
                hint="it waits for a device or a disk: see `ps`",
            )
        return Stopped(entry, killed=True)

    def _look(self, entry: ServerEntry) -> ServerReport:
        try:
            return self._processes.look(entry)
        except Conflict:
            return ServerReport(entry, ServerCondition.SILENT)

    def _ends(self, entry: ServerEntry, seconds: float) -> bool:
        deadline = self._clock() + seconds
        while not self._processes.gone(entry):
            if self._clock() > deadline:
                return False
            self._sleep(PAUSE_SECONDS)
        return True


def _others(running: Sequence[ServerEntry]) -> str | None:
    ports = sorted({each.port for each in running})
    if not ports:
        return None
    listed = ", ".join(map(str, ports))
    return f"servers run on port {listed}: --port N chooses" + (", --all takes them all" if len(ports) > 1 else "")
