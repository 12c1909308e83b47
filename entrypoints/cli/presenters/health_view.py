"""What `mlxk health` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrypoints.cli.console import Console
from entrypoints.cli.presenters.list_view import BAD, GOOD
from entrypoints.cli.presenters.table import ANY_WIDTH, Cell, Column, Table, show_table

if TYPE_CHECKING:
    from application.catalog.check_health import HealthEntry, HealthSummary


def show_health(summary: HealthSummary, console: Console) -> None:
    """The unhealthy models last, where the eye is, and the count."""
    entries = [*summary.healthy, *summary.unhealthy]
    if not entries:
        console.note("No model matches.")
        return
    columns = (Column("Status"), Column("Name", wraps_at=ANY_WIDTH), Column("Reason", wraps_at=ANY_WIDTH))
    show_table(Table(columns, tuple(_row(entry) for entry in entries)), console)
    console.line()
    console.line(f"{len(entries)} checked, {len(summary.healthy)} healthy, {len(summary.unhealthy)} unhealthy")


def _row(entry: HealthEntry) -> tuple[Cell, ...]:
    status = Cell("healthy", GOOD) if entry.healthy else Cell("unhealthy", BAD)
    return status, Cell(entry.name, "bold"), Cell(entry.reason)
