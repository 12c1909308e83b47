"""`mlxk health [pattern]`."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.cli.errors import FAILED, OK
from entrypoints.cli.presenters.model_json import health_object
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    pattern: str | None = None
    strict: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Check the files of the models that match."""
    summary = context.services().check_health().execute(arguments.pattern)

    def show() -> None:
        from entrypoints.cli.presenters.health_view import show_health

        show_health(summary, context.console)

    code = FAILED if arguments.strict and summary.unhealthy else OK
    return Outcome(data=lambda: health_object(summary), show=show, exit_code=code)
