"""What starts a server at login and keeps it running."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath
from typing import Protocol

from domain.serving.service_plan import ServicePlan


class ServiceState(StrEnum):
    """ABSENT: the manager does not know the service. UNREACHABLE: it does not run, or not for this user."""

    RUNNING = "running"
    STOPPED = "stopped"
    ABSENT = "absent"
    UNREACHABLE = "unreachable"


class ServiceManager(Protocol):
    """name: launchd or systemd. file: where the service is described. start_commands: what makes it run now and at each
    login; stop_commands: what ends that; for people to type, and what start and stop do.
    """

    @property
    def name(self) -> str: ...

    @property
    def file(self) -> PurePath: ...

    @property
    def start_commands(self) -> tuple[tuple[str, ...], ...]: ...

    @property
    def stop_commands(self) -> tuple[tuple[str, ...], ...]: ...

    @property
    def log_command(self) -> tuple[str, ...] | None:
        """What shows the service's log, None where it is in the plan's file."""

    def text(self, plan: ServicePlan) -> str:
        """The description, signed. Raises InvalidRequest for what cannot be written in its format."""

    def read(self) -> str | None:
        """What is there now. Raises OSError."""

    def write(self, text: str) -> None:
        """Whole or not at all. Raises OSError."""

    def remove(self) -> None:
        """Raises OSError."""

    def start(self) -> None:
        """Raises DependencyMissing where there is no such manager, Conflict with what it says when it refuses."""

    def stop(self) -> None:
        """As `start`; no fault where service or manager does not run."""

    def state(self) -> ServiceState:
        """Raises DependencyMissing."""
