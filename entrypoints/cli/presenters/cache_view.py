"""What `mlxk cache` says of remembered prompts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from domain.catalog.printable import printable
from entrypoints.cli.presenters.formatting import UNKNOWN, size, when
from entrypoints.cli.presenters.table import Cell, Column, Table, show_table

if TYPE_CHECKING:
    from application.serving.prompt_cache import ClearPlan, PromptCacheView
    from domain.serving.stored_prompts import StoredPrompts
    from entrypoints.cli.console import Console

COLUMNS = (
    Column("MODEL"),
    Column("TOKENS", right=True),
    Column("SIZE", right=True),
    Column("LAST USED"),
    Column("IN USE"),
)


def view_object(view: PromptCacheView) -> dict[str, object]:
    """The data of `cache`."""
    return {
        "action": "shown",
        "budget": {"ram_bytes": view.budget.ram_bytes, "disk_bytes": view.budget.disk_bytes},
        "models": [_entry(each) for each in view.stored],
        "size_bytes": view.size_bytes,
    }


def cleared_object(plan: ClearPlan, freed_bytes: int | None) -> dict[str, object]:
    """The data of `cache clear`. freed_bytes: None when it was only planned."""
    return {
        "action": "planned" if freed_bytes is None else "cleared",
        "models": [_entry(each) for each in plan.stored],
        "size_bytes": plan.size_bytes,
        "freed_bytes": 0 if freed_bytes is None else freed_bytes,
    }


def show_prompt_cache(view: PromptCacheView, console: Console, now: datetime) -> None:
    if view.stored:
        show_table(Table(COLUMNS, tuple(_row(each, now) for each in view.stored)), console)
    else:
        console.line("No prompts are remembered on the disk.")
    console.line(budget_line(view))


def budget_line(view: PromptCacheView) -> str:
    budget = view.budget
    memory = size(budget.ram_bytes) if budget.ram_bytes else "off"
    disk = f"{size(view.size_bytes)} of {size(budget.disk_bytes)}" if budget.disk_bytes else "off (--cache-disk)"
    return f"A server started now: memory {memory} for each model, disk {disk}"


def plan_lines(plan: ClearPlan) -> list[str]:
    lines = [f"Would forget {_what(plan)}: {size(plan.size_bytes)}"]
    return lines + [f"  {_name(each)}: {each.tokens:,} tokens, {size(each.size_bytes)}" for each in plan.stored]


def cleared_line(plan: ClearPlan, freed_bytes: int) -> str:
    return f"Forgot {_what(plan)}: {size(freed_bytes)} freed"


def _what(plan: ClearPlan) -> str:
    tokens = sum(each.tokens for each in plan.stored)
    models = len({each.model for each in plan.stored})
    return f"{tokens:,} tokens of {models} model{'' if models == 1 else 's'}"


def _row(stored: StoredPrompts, now: datetime) -> tuple[Cell, ...]:
    used = UNKNOWN if stored.last_used is None else when(stored.last_used, now)
    in_use = "yes" if stored.in_use else ""
    return (Cell(_name(stored)), Cell(f"{stored.tokens:,}"), Cell(size(stored.size_bytes)), Cell(used), Cell(in_use))


def _name(stored: StoredPrompts) -> str:
    return printable(stored.model) or UNKNOWN


def _entry(stored: StoredPrompts) -> dict[str, object]:
    used = stored.last_used
    return {
        "model": stored.model,
        "source": stored.source,
        "revision": stored.revision,
        "path": str(stored.folder),
        "pieces": stored.pieces,
        "tokens": stored.tokens,
        "size_bytes": stored.size_bytes,
        "last_used": None if used is None else used.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "in_use": stored.in_use,
    }
