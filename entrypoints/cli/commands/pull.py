"""`mlxk pull MODEL`: look, plan, fetch, check."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain.errors import InvalidRequest
from domain.hub.download_plan import FileSelection
from domain.hub.pull import PullOutcome, PullStatus
from entrypoints.cli.presenters.hub_json import pull_object
from entrypoints.cli.presenters.hub_view import outcome_lines
from entrypoints.cli.presenters.pull_progress import progress_for
from entrypoints.cli.services import Context, Outcome

if TYPE_CHECKING:
    from application.hub.pull_model import PullRequest

YES = frozenset({"", "y", "yes"})


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    force_resume: bool = False
    dry_run: bool = False
    include: str | None = None
    exclude: str | None = None
    progress: str | None = None
    hub: str | None = None

    def selection(self) -> FileSelection:
        return FileSelection(_globs(self.include), _globs(self.exclude))


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Fetch a model. One that is here but not sound is only touched when somebody agrees."""
    from application.hub.pull_model import PullRequest

    request = PullRequest(
        arguments.model, arguments.hub, arguments.selection(), arguments.force_resume, arguments.dry_run
    )
    outcome = _pull(context, request, arguments.progress)
    if outcome.status is PullStatus.REQUIRES_CONFIRMATION and not arguments.dry_run:
        if not _agreed(context, outcome):
            return Outcome(data=None, show=lambda: context.console.line("Nothing was changed."))
        outcome = _pull(context, replace(request, force_resume=True), arguments.progress)

    def show() -> None:
        for line in outcome_lines(outcome):
            context.console.line(line)

    return Outcome(data=lambda: pull_object(outcome), show=show)


def _pull(context: Context, request: PullRequest, progress: str | None) -> PullOutcome:
    with progress_for(context.console, progress or "auto") as on_progress:
        return context.services().pull_model().execute(request, on_progress)


def _agreed(context: Context, outcome: PullOutcome) -> bool:
    """Ask the person at the terminal. Raises InvalidRequest where there is none."""
    console = context.console
    if console.json or not console.input_is_terminal:
        raise InvalidRequest(
            f"{outcome.name} is here, but not sound: {outcome.message}",
            hint="add --force-resume to go on with it",
            param="model",
            detail={
                "requires_confirmation": True,
                "download_status": PullStatus.REQUIRES_CONFIRMATION.value,
                "model": outcome.name,
            },
        )
    console.line(f"{outcome.name}: {outcome.message}")
    return (console.ask("Go on with it? [Y/n] ") or "").strip().lower() in YES


def _globs(text: str | None) -> tuple[str, ...]:
    return tuple(glob for part in (text or "").split(",") if (glob := part.strip()))
