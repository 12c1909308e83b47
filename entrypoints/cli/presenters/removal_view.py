"""What `mlxk rm` says of a plan and of what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.catalog.printable import printable
from domain.serving.stored_prompts import total_bytes
from entrypoints.cli.presenters.formatting import size

if TYPE_CHECKING:
    from domain.catalog.removal import Removal, RemovalPlan


def removal_object(plan: RemovalPlan, removal: Removal | None) -> dict[str, object]:
    """The data of `rm`. removal: None when nothing was deleted, because it was only planned."""
    done = removal is not None
    return {
        "model": plan.location.name,
        "action": "deleted" if done else "planned",
        "message": result_line(plan) if done else plan_lines(plan)[0],
        "hash": plan.revision,
        "whole_model": plan.whole_model,
        "freed_bytes": plan.contents.freed_bytes,
        "kept_revisions": list(plan.contents.kept_revisions),
        "held_locks": [path.name for path in plan.held_locks],
        "prompt_cache_bytes": total_bytes(plan.prompts),
        "lock_files_cleaned": removal.lock_files_removed if removal is not None else 0,
    }


def plan_lines(plan: RemovalPlan) -> list[str]:
    """What would go, what stays, and who stands in the way."""
    lines = [f"Would remove {_what(plan)}: {size(plan.contents.freed_bytes)}"]
    if plan.contents.kept_revisions and not plan.whole_model:
        lines.append(f"  stays: {', '.join(plan.contents.kept_revisions)}")
    if plan.prompts:
        lines.append(f"  with its remembered prompts: {size(total_bytes(plan.prompts))}")
    if plan.held_locks:
        lines.append(f"  a download holds: {', '.join(printable(path.name) for path in plan.held_locks)}")
    return lines


def result_line(plan: RemovalPlan) -> str:
    return f"Removed {_what(plan)}: {size(plan.contents.freed_bytes)} freed"


def _what(plan: RemovalPlan) -> str:
    name = printable(plan.location.name)
    return name if plan.revision is None else f"revision {plan.revision} of {name}"
