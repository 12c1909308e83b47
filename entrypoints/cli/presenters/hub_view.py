"""What the commands about models far away print for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.catalog.printable import printable
from entrypoints.cli.presenters.formatting import UNKNOWN, size
from entrypoints.cli.presenters.list_view import DOUBTFUL, FAINT, GOOD
from entrypoints.cli.presenters.table import ANY_WIDTH, Cell, Column, Table

if TYPE_CHECKING:
    from application.hub.find_outdated import CurrencyEntry
    from application.hub.prune_cache import Pruned
    from application.hub.search_hub import SearchHit
    from domain.hub.prune_plan import PrunePlan
    from domain.hub.pull import PullOutcome
    from domain.hub.verification import Verification

SHORT_HASH = 7
_CURRENCY_STYLES = {"current": GOOD, "outdated": DOUBTFUL, "unknown": FAINT}


def outcome_lines(outcome: PullOutcome) -> list[str]:
    """How a pull ended."""
    lines = [outcome.message]
    if outcome.plan is not None and outcome.status.value == "planned":
        lines += [f"  {printable(file.path)}  {size(file.size_bytes)}" for file in outcome.plan.fetch]
    if outcome.path and outcome.fetched_bytes:
        lines.append(f"  {size(outcome.fetched_bytes)} fetched, every checksum is right: {printable(outcome.path)}")
    return lines


def search_table(hits: Sequence[SearchHit]) -> Table:
    columns = (
        Column("Name"),
        Column("Size", right=True),
        Column("Type"),
        Column("Quant"),
        Column("Likes", right=True),
        Column("Downloads", right=True),
        Column("Runs here", wraps_at=ANY_WIDTH),
    )
    return Table(columns, tuple(_search_row(hit) for hit in hits))


def _search_row(hit: SearchHit) -> tuple[Cell, ...]:
    detail = hit.detail
    runs = Cell(f"unknown: {hit.problem}", FAINT)
    if detail is not None:
        reason = detail.report.reason
        runs = Cell("yes", GOOD) if reason is None else Cell(f"no: {reason}", DOUBTFUL)
    return (
        Cell(hit.model.name),
        Cell(size(hit.model.size_bytes) if hit.model.files else UNKNOWN),
        Cell(detail.report.model_type if detail else UNKNOWN),
        Cell((detail.metadata.quantization if detail else None) or UNKNOWN),
        Cell(f"{hit.model.likes:,}"),
        Cell(f"{hit.model.downloads:,}"),
        runs,
    )


def outdated_table(entries: Sequence[CurrencyEntry]) -> Table:
    columns = (Column("Name"), Column("Here"), Column("Hub"), Column("State", wraps_at=ANY_WIDTH))
    rows = tuple(
        (
            Cell(entry.name),
            Cell(entry.here[:SHORT_HASH]),
            Cell(entry.there[:SHORT_HASH] if entry.there else UNKNOWN),
            Cell(
                f"{entry.state}: {entry.problem}" if entry.problem else str(entry.state), _CURRENCY_STYLES[entry.state]
            ),
        )
        for entry in entries
    )
    return Table(columns, rows)


def verification_lines(verified: Verification) -> list[str]:
    """One line for what is wrong, one for the whole."""
    lines = []
    for check in verified.checks:
        if check.state.value != "same":
            detail = f" ({check.detail})" if check.detail else ""
            lines.append(f"  {printable(check.path)}: {check.state}{detail}")
    same = sum(check.state.value == "same" for check in verified.checks)
    verdict = "sound" if verified.sound else "DAMAGED"
    lines.append(
        f"{printable(verified.name)}: {verdict}; {same} of {len(verified.checks)} files are those of {verified.source}"
    )
    if not verified.sound:
        lines.append(f"Hint: remove it and pull it again: mlxk rm {verified.name} && mlxk pull {verified.name}")
    return lines


def prune_lines(plan: PrunePlan) -> list[str]:
    """What would go, model by model."""
    lines = []
    for model in plan.models:
        counts = Counter(item.kind.value for item in model.items)
        what = ", ".join(f"{count} x {kind}" for kind, count in sorted(counts.items()))
        lines.append(f"  {printable(model.name)}: {what}, {size(model.freed_bytes)}")
    lines += [f"  {printable(name)}: left alone, a download is running" for name in plan.busy]
    head = (
        f"Would remove {plan.count} files and folders: {size(plan.freed_bytes)}" if plan.count else "Nothing to remove."
    )
    return [head, *lines]


def pruned_line(pruned: Pruned) -> str:
    line = f"Removed {pruned.removed_count} files and folders: {size(pruned.freed_bytes)} freed"
    skipped = ", ".join(map(printable, pruned.skipped))
    return f"{line} (left alone, a download is running: {skipped})" if skipped else line
