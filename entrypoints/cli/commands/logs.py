"""`mlxk logs`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from domain.errors import AccessDenied, ServerNotFound, UsageError
from entrypoints.cli.server_options import DEFAULT_LINES
from entrypoints.cli.services import Context, Outcome

if TYPE_CHECKING:
    from ports.background_servers import ServerLogs


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    port: int | None = None
    follow: bool = False
    lines: int | None = None


def execute(context: Context, arguments: Arguments) -> Outcome:
    count = DEFAULT_LINES if arguments.lines is None else arguments.lines
    if count < 0:
        raise UsageError(f"--lines cannot be {count}", hint="a number of lines, or 0")
    if arguments.follow and context.console.json:
        raise UsageError("--follow never ends, and --json prints one envelope", hint="leave one of them out")
    logs = context.services().server_logs()
    port, path = _chosen(logs, arguments.port)

    def lines() -> str:
        try:
            return logs.last_lines(path, count)
        except OSError as fault:
            raise _unreadable(path, fault) from fault

    def follow() -> None:
        try:
            for piece in logs.follow(path, count):
                context.console.write(piece)
        except OSError as fault:
            raise _unreadable(path, fault) from fault

    return Outcome(
        data=lambda: {"port": port, "log_file": str(path), "lines": lines().splitlines()},
        show=follow if arguments.follow else lambda: context.console.write(lines()),
    )


def _chosen(logs: ServerLogs, port: int | None) -> tuple[int, PurePath]:
    """Raises ServerNotFound."""
    for each in logs.known():
        if port in (None, each.port):
            return each.port, each.path
    raise ServerNotFound(
        "no server has logged in the background"
        if port is None
        else f"no server on port {port} has logged in the background",
        hint="`mlxk serve --daemon` starts one; a service of systemd logs to journalctl --user --unit mlxk.service",
    )


def _unreadable(path: PurePath, fault: OSError) -> AccessDenied:
    return AccessDenied(f"{path} cannot be read: {fault.strerror or fault}", hint="is it yours?")
