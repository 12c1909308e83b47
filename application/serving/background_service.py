"""A server that starts at login and is kept running: installed, taken away, looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from domain.errors import AccessDenied, Conflict
from domain.serving.service_plan import ServicePlan, is_ours
from ports.service_manager import ServiceManager, ServiceState


@dataclass(frozen=True, slots=True)
class ServiceView:
    """commands: what to type next, () when nothing is left to do. changed: the file was written or removed."""

    manager: str
    file: PurePath
    installed: bool
    changed: bool
    state: ServiceState | None
    commands: tuple[tuple[str, ...], ...] = ()
    log_command: tuple[str, ...] | None = None


class BackgroundService:
    def __init__(self, manager: ServiceManager) -> None:
        self._manager = manager

    def text(self, plan: ServicePlan) -> str:
        return self._manager.text(plan)

    def install(self, plan: ServicePlan, *, force: bool, now: bool) -> ServiceView:
        """Raises Conflict when the file there is not ours as we wrote it; AccessDenied when it cannot be written."""
        manager = self._manager
        text = manager.text(plan)
        changed = self._found(force=force) != text
        if changed:
            try:
                manager.write(text)
            except OSError as fault:
                raise _cannot(fault, "write", manager.file) from fault
        if now:
            manager.start()
        commands = () if now else manager.start_commands
        state = manager.state() if now else None
        return ServiceView(manager.name, manager.file, True, changed, state, commands, manager.log_command)  # noqa: FBT003

    def uninstall(self, *, force: bool) -> ServiceView:
        """Stops it, if it runs. Raises as `install` does."""
        manager = self._manager
        there = self._found(force=force) is not None
        manager.stop()
        if there:
            try:
                manager.remove()
            except OSError as fault:
                raise _cannot(fault, "remove", manager.file) from fault
        return ServiceView(manager.name, manager.file, installed=False, changed=there, state=ServiceState.ABSENT)

    def look(self) -> ServiceView:
        """Raises DependencyMissing."""
        manager = self._manager
        there = manager.read() is not None
        state = manager.state()
        commands = manager.start_commands if there and state is not ServiceState.RUNNING else ()
        return ServiceView(manager.name, manager.file, there, False, state, commands, manager.log_command)  # noqa: FBT003

    def _found(self, *, force: bool) -> str | None:
        """What is there. Raises Conflict when somebody else wrote it, or has changed it."""
        try:
            there = self._manager.read()
        except OSError as fault:
            raise _cannot(fault, "read", self._manager.file) from fault
        if there is not None and not is_ours(there) and not force:
            raise Conflict(
                f"{self._manager.file} was written or changed by somebody else",
                hint="look at it, then add --force to replace or remove it",
            )
        return there


def _cannot(fault: OSError, what: str, file: PurePath) -> AccessDenied:
    return AccessDenied(f"cannot {what} {file}: {fault.strerror or fault}", hint="is the folder yours?")
