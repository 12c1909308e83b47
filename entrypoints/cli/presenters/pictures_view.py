"""The table of pictures before an answer, as people at a terminal read it."""

from __future__ import annotations

from domain.catalog.printable import printable
from domain.inference.picture_table import TableRead
from entrypoints.cli.presenters.table import Cell, Column, Table, plain

GROUP = "Chunk "
TOLD = ("Location", "Date", "Camera")


def pictures_told(table: TableRead) -> str:
    """A line for each picture: its number, its file, and what is known of it; above them which group it is, if any. The
    name we have made for a file stands only where the file's own is not known.
    """
    rows = [
        (f"Image {row.get('Image', '?')}", row.get("Original") or row.get("Filename", ""), *map(row.get, TOLD))
        for row in table.rows
    ]
    used = [at for at in range(2 + len(TOLD)) if any(row[at] for row in rows)]
    shown = Table(
        tuple(Column("") for _ in used), tuple(tuple(Cell(row[at] or "") for at in used) for row in rows), headed=False
    )
    heading = f"{printable(table.summary)}\n" if table.summary.startswith(GROUP) else ""
    return heading + plain(shown)
