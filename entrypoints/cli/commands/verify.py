"""`mlxk verify MODEL`."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.cli.presenters.hub_json import verification_object
from entrypoints.cli.presenters.pull_progress import progress_for
from entrypoints.cli.services import Context, Outcome

DAMAGED = 1


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    offline: bool = False
    hub: str | None = None


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Hash every file of a cached model; the exit code says whether one is damaged."""
    with progress_for(context.console, "auto") as on_progress:
        verified = (
            context.services()
            .verify_model()
            .execute(arguments.model, hub=arguments.hub, offline=arguments.offline, progress=on_progress)
        )

    def show() -> None:
        from entrypoints.cli.presenters.hub_view import verification_lines

        for line in verification_lines(verified):
            context.console.line(line)

    return Outcome(data=lambda: verification_object(verified), show=show, exit_code=0 if verified.sound else DAMAGED)
