"""A table for people: with colours and fitted to the width on a terminal, plain aligned text elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.catalog.printable import printable
from entrypoints.cli.console import Console

if TYPE_CHECKING:
    from rich.table import Table as RichTable

GAP = "  "
ANY_WIDTH = 1000
NARROWEST = 20
_PAGE = 25  # lines; no table is cut to it, but rich asks the terminal for its size when it is told the width alone


@dataclass(frozen=True, slots=True)
class Column:
    """One column. right: numbers stand to the right. wraps_at: on a terminal, text is folded there at the latest, and
    earlier where the terminal is narrow; 0 keeps it on one line.
    """

    title: str
    right: bool = False
    wraps_at: int = 0
    style: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's text, and how it looks in colour (a rich style)."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """headed False: the columns' titles are not shown."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    headed: bool = True


def show_table(table: Table, console: Console) -> None:
    """Print a table the way standard output wants it."""
    if console.output_is_terminal:
        _show_rich(table, console)
    else:
        console.write(plain(table))


def plain(table: Table) -> str:
    """Aligned columns, two spaces apart; nothing is cut or wrapped, a row is a line."""
    lines = [[column.title for column in table.columns]] if table.headed else []
    lines += [[printable(cell.text) for cell in row] for row in table.rows]
    widths = [max((len(line[at]) for line in lines), default=0) for at in range(len(table.columns))]
    text = [GAP.join(_aligned(table, line, widths)).rstrip() + "\n" for line in lines]
    return "".join(text)


def _aligned(table: Table, line: list[str], widths: list[int]) -> list[str]:
    return [
        text.rjust(width) if column.right else text.ljust(width)
        for column, text, width in zip(table.columns, line, widths, strict=True)
    ]


def _show_rich(table: Table, console: Console) -> None:
    from rich.console import Console as RichConsole  # slow to import, and only a terminal needs it
    from rich.text import Text

    grid = _rich_grid(table)
    width = max(console.width, _least_width(table))
    for row in table.rows:
        grid.add_row(*(Text(printable(cell.text), style=cell.style) for cell in row))
    screen = RichConsole(file=console.stream, width=width, height=_PAGE, highlight=False)
    with screen.capture() as drawn:
        screen.print(grid)
    console.emit(drawn.get())


def _least_width(table: Table) -> int:
    """Columns below which the table would be cut: then the terminal wraps its lines, and nothing is lost."""
    texts = [[column.title, *(row[at].text for row in table.rows)] for at, column in enumerate(table.columns)]
    widths = [
        min(column.wraps_at, NARROWEST) or max(map(len, cells))
        for column, cells in zip(table.columns, texts, strict=True)
    ]
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _rich_grid(table: Table) -> RichTable:
    from rich.table import Table as RichTable

    grid = RichTable(box=None, show_header=table.headed, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns:
        grid.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.wraps_at,
            overflow="fold",
            min_width=min(column.wraps_at, NARROWEST) or None,
            max_width=column.wraps_at or None,
            style=column.style,
        )
    return grid
