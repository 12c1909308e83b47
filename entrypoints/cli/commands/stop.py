"""`mlxk stop`."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import UsageError
from entrypoints.cli.presenters.server_view import stopped_line, stopped_object
from entrypoints.cli.server_options import DEFAULT_TIMEOUT_SECONDS
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    port: int | None = None
    all: bool = False
    force: bool = False
    timeout: int | None = None


def execute(context: Context, arguments: Arguments) -> Outcome:
    """One after the other; the first that does not end is the error."""
    if arguments.all and arguments.port is not None:
        raise UsageError("--port and --all contradict each other", hint="give one of them")
    patience = DEFAULT_TIMEOUT_SECONDS if arguments.timeout is None else arguments.timeout
    if patience < 0:
        raise UsageError(f"--timeout cannot be {patience}", hint="a number of seconds, or 0")
    servers = context.services().running_servers()
    chosen = servers.chosen(arguments.port, every=arguments.all)
    stopped = []
    for entry in chosen:
        stopped.append(servers.stop(entry, patience_seconds=patience, force=arguments.force))
        context.console.line(stopped_line(stopped[-1]))
    return Outcome(data=lambda: stopped_object(stopped), show=lambda: None)
