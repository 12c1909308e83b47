"""Servers and service managers that are nobody's processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath

from domain.serving.server_instance import ServerInstance
from domain.serving.service_plan import ServicePlan, signed
from ports.running_servers import ServerEntry
from ports.server_processes import RunningModel, ServerCondition, ServerReport
from ports.service_manager import ServiceState

STARTED = 1_779_019_140.0  # a minute before the command line's now


def server_entry(port: int = 8000, process_id: int = 4711, host: str = "127.0.0.1") -> ServerEntry:
    return ServerEntry(process_id + 1, host, port, "0.1.0", STARTED, ServerInstance("s3cret"), process_id)


class FakeProcesses:
    """ServerProcesses. stubborn: ends for nothing but a kill. busy: ends at the second request only."""

    def __init__(self, *entries: ServerEntry, stubborn: bool = False, busy: bool = False) -> None:
        self.entries = list(entries)
        self.asked: list[int] = []
        self.killed: list[int] = []
        self.impostor: Exception | None = None
        self._needed = 1_000 if stubborn else 2 if busy else 1

    def running(self) -> Sequence[ServerEntry]:
        return sorted(self.entries, key=lambda each: each.port)

    def look(self, entry: ServerEntry) -> ServerReport:
        if self.impostor is not None:
            raise self.impostor
        if self.gone(entry):
            return ServerReport(entry, ServerCondition.SILENT)
        return ServerReport(entry, ServerCondition.READY, (RunningModel("mlxk/demo", 3_500_000),), 2)

    def terminate(self, entry: ServerEntry) -> None:
        self.asked.append(entry.port)
        if self.asked.count(entry.port) >= self._needed and entry in self.entries:
            self.entries.remove(entry)

    def kill(self, entry: ServerEntry) -> None:
        self.killed.append(entry.port)
        if entry in self.entries:
            self.entries.remove(entry)

    def gone(self, entry: ServerEntry) -> bool:
        return entry not in self.entries


class FakeServiceManager:
    """ServiceManager that starts nothing."""

    name = "systemd"
    start_commands: tuple[tuple[str, ...], ...] = (("systemctl", "--user", "enable", "--now", "mlxk.service"),)
    stop_commands: tuple[tuple[str, ...], ...] = (("systemctl", "--user", "disable", "--now", "mlxk.service"),)
    log_command: tuple[str, ...] | None = ("journalctl", "--user", "--unit", "mlxk.service")

    def __init__(self) -> None:
        self.there: str | None = None
        self._running = False

    @property
    def file(self) -> PurePath:
        return PurePosixPath("/home/me/.config/systemd/user/mlxk.service")

    def text(self, plan: ServicePlan) -> str:
        return signed(f"{plan.program!r} {sorted(plan.environment.items())!r} {plan.log_file}\n", "# ", "")

    def read(self) -> str | None:
        return self.there

    def write(self, text: str) -> None:
        self.there = text

    def remove(self) -> None:
        self.there = None

    def start(self) -> None:
        self._running = True

    def stop(self) -> None:
        self._running = False

    def state(self) -> ServiceState:
        if self.there is None:
            return ServiceState.ABSENT
        return ServiceState.RUNNING if self._running else ServiceState.STOPPED
