"""`mlxk outdated [PATTERN]`."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.cli.presenters.hub_json import outdated_object
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    pattern: str | None = None
    hub: str | None = None


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Each cached model beside the hub's newest revision of it."""
    entries = context.services().find_outdated().execute(arguments.pattern, arguments.hub)

    def show() -> None:
        from entrypoints.cli.presenters.hub_view import outdated_table
        from entrypoints.cli.presenters.table import show_table

        if entries:
            show_table(outdated_table(entries), context.console)
        else:
            context.console.note("No cached model" + (" matches." if arguments.pattern else "s."))

    return Outcome(data=lambda: outdated_object(entries), show=show)
