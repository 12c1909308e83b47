"""`mlxk status`."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.cli.presenters.server_view import show_servers, status_object
from entrypoints.cli.services import Context, Outcome

NONE_RUNS = 3  # as service managers have it


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    port: int | None = None


def execute(context: Context, arguments: Arguments) -> Outcome:
    reports = context.services().running_servers().reports(arguments.port)
    now = context.now()
    return Outcome(
        data=lambda: status_object(reports, now),
        show=lambda: show_servers(reports, context.console, now),
        exit_code=0 if reports else NONE_RUNS,
    )
