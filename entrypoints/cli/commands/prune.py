"""`mlxk prune [PATTERN]`: plan, show, execute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.errors import InvalidRequest
from entrypoints.cli.console import Console
from entrypoints.cli.presenters.formatting import size
from entrypoints.cli.presenters.hub_json import prune_object
from entrypoints.cli.presenters.hub_view import prune_lines, pruned_line
from entrypoints.cli.services import Context, Outcome

if TYPE_CHECKING:
    from domain.hub.prune_plan import PrunePlan

YES = frozenset({"y", "yes"})


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    pattern: str | None = None
    dry_run: bool = False
    yes: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Remove what is of no use; somebody agrees to the plan first."""
    console = context.console
    use_case = context.services().prune_cache()
    plan = use_case.plan(arguments.pattern)
    if arguments.dry_run or not plan.count:
        return Outcome(data=lambda: prune_object(plan, None), show=lambda: _show(plan, console))
    if not (arguments.yes or _agreed(plan, console)):
        return Outcome(data=None, show=lambda: console.line("Nothing was removed."))
    pruned = use_case.execute(plan)
    return Outcome(data=lambda: prune_object(plan, pruned), show=lambda: console.line(pruned_line(pruned)))


def _agreed(plan: PrunePlan, console: Console) -> bool:
    """Ask the person at the terminal. Raises InvalidRequest where there is none."""
    if console.json or not console.input_is_terminal:
        raise InvalidRequest(
            f"this would remove {plan.count} files and folders ({size(plan.freed_bytes)}) from the cache",
            hint="look with --dry-run, then add --yes",
            detail={"requires_confirmation": True, "freed_bytes": plan.freed_bytes},
        )
    _show(plan, console)
    return (console.ask("Remove them? [y/N] ") or "").strip().lower() in YES


def _show(plan: PrunePlan, console: Console) -> None:
    for line in prune_lines(plan):
        console.line(line)
