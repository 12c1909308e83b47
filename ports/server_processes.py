"""The servers of this user as processes: what they are doing, and how they are told to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ports.running_servers import ServerEntry


class ServerCondition(StrEnum):
    """SILENT: the process lives and does not answer in time. STARTING and FAILED as the server says itself."""

    READY = "ready"
    STARTING = "starting"
    FAILED = "failed"
    STOPPING = "stopping"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class RunningModel:
    """need_bytes: the memory that it counts for, None where the server does not say."""

    name: str
    need_bytes: int | None


@dataclass(frozen=True, slots=True)
class ServerReport:
    """requests: being answered now, None where the server does not say."""

    entry: ServerEntry
    condition: ServerCondition
    models: tuple[RunningModel, ...] = ()
    requests: int | None = None


class ServerProcesses(Protocol):
    def running(self) -> Sequence[ServerEntry]:
        """Of servers whose processes live and are the ones that were entered, by port. Raises nothing."""

    def look(self, entry: ServerEntry) -> ServerReport:
        """Asks the server, for a second or two at most. Raises Conflict when another program answers on its port."""

    def terminate(self, entry: ServerEntry) -> None:
        """Ask it to finish its answers and end; once more: at once. No fault when it has gone; never reaches another
        process. Raises AccessDenied.
        """

    def kill(self, entry: ServerEntry) -> None:
        """End its processes without asking; otherwise as `terminate`."""

    def gone(self, entry: ServerEntry) -> bool:
        """Whether none of its processes is left."""
