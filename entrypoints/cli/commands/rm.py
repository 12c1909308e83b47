"""`mlxk rm MODEL`: plan, show, execute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.errors import InvalidRequest
from entrypoints.cli.console import Console
from entrypoints.cli.presenters.removal_view import plan_lines, removal_object, result_line
from entrypoints.cli.services import Context, Outcome

if TYPE_CHECKING:
    from domain.catalog.removal import RemovalPlan

YES = frozenset({"y", "yes"})


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    force: bool = False
    dry_run: bool = False
    yes: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Delete a cached model, or one revision of it. A name that was completed needs somebody's consent."""
    use_case = context.server_services().remove_model()
    console = context.console
    plan = use_case.plan(arguments.model)
    if arguments.dry_run:
        return Outcome(data=lambda: removal_object(plan, None), show=lambda: _show(plan, console))
    if not (plan.spelled_out or arguments.yes or _agreed(plan, arguments.model, console)):
        return Outcome(data=None, show=lambda: console.line("Nothing was removed."))
    removal = use_case.execute(plan, force=arguments.force)
    return Outcome(data=lambda: removal_object(plan, removal), show=lambda: console.line(result_line(plan)))


def _agreed(plan: RemovalPlan, typed: str, console: Console) -> bool:
    """Ask the person at the terminal. Raises InvalidRequest where there is none."""
    name = plan.location.name
    if console.json or not console.input_is_terminal:
        raise InvalidRequest(
            f"{typed!r} is not the full name of a model: it would remove {name}",
            hint=f"write `mlxk rm {name}`, or add --yes",
            param="model",
            detail={"requires_confirmation": True, "model": name},
        )
    _show(plan, console)
    return (console.ask("Remove it? [y/N] ") or "").strip().lower() in YES


def _show(plan: RemovalPlan, console: Console) -> None:
    for line in plan_lines(plan):
        console.line(line)
