"""`mlxk cache` and `mlxk cache clear [MODEL]`."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import UsageError
from entrypoints.cli.cache_options import CLEAR
from entrypoints.cli.presenters.cache_view import (
    cleared_line,
    cleared_object,
    plan_lines,
    show_prompt_cache,
    view_object,
)
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    action: str | None = None
    model: str | None = None
    dry_run: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    console = context.console
    use_case = context.server_services().prompt_cache()
    if arguments.action != CLEAR:
        if arguments.dry_run:
            raise UsageError("--dry-run goes with `mlxk cache clear`", hint="`mlxk cache` only looks")
        view = use_case.show()
        return Outcome(data=lambda: view_object(view), show=lambda: show_prompt_cache(view, console, context.now()))
    plan = use_case.plan_clear(arguments.model)
    if arguments.dry_run:
        return Outcome(
            data=lambda: cleared_object(plan, None),
            show=lambda: console.write("".join(f"{line}\n" for line in plan_lines(plan))),
        )
    freed_bytes = use_case.clear(plan)
    return Outcome(
        data=lambda: cleared_object(plan, freed_bytes), show=lambda: console.line(cleared_line(plan, freed_bytes))
    )
