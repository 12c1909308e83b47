"""`mlxk clone MODEL [TARGET]`."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.cli.presenters.pull_progress import progress_for
from entrypoints.cli.presenters.work_progress import work_progress_for
from entrypoints.cli.presenters.workspace_json import clone_object
from entrypoints.cli.presenters.workspace_view import clone_lines
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    target: str | None = None
    branch: str | None = None
    no_health_check: bool = False
    fresh: bool = False
    force_resume: bool = False
    quiet: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Copy a model into a workspace, from the cache or the hub."""
    from application.workspace.clone_model import CloneRequest

    request = CloneRequest(
        arguments.model, arguments.target, arguments.branch, not arguments.no_health_check, arguments.fresh
    )
    work = work_progress_for(context.console, quiet=arguments.quiet)
    with progress_for(context.console, "none" if arguments.quiet else "auto") as download:
        outcome = context.services().clone_model().execute(request, work, download)

    def show() -> None:
        for line in clone_lines(outcome):
            context.console.line(line)

    return Outcome(data=lambda: clone_object(outcome), show=show)
