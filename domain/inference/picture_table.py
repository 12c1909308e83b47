"""The table of pictures before an answer: a folded block of HTML and Markdown that people unfold, and that a later turn
is read for which number a picture went by.

    <details>
    <summary>Image Metadata (1 image)</summary>

    <!-- mlxk:filenames -->
    | Image | Filename |
    |---|---|
    | 1 | image_1a2b3c4d.jpeg |

    </details>
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.catalog.printable import printable
from domain.inference.events import PictureFacts
from domain.inference.picture_words import picture_place

MARKER = "<!-- mlxk:filenames -->"
SHORT_DIGITS = 8
LONGEST_CELL = 80
OPEN, CLOSE = "<details>", "</details>"
AFTER = "\n\n"
_ROW = re.compile(r"^\| *([0-9]{1,6}) *\| *image_([0-9a-f]{8})\.[a-z0-9]{1,8} *\|", re.MULTILINE)
_SUMMARY = re.compile(r"<summary>([^<]*)</summary>")
_ENDINGS = {"HEIF": "heic", "MPO": "jpeg"}
_ESCAPES = str.maketrans({character: f"&#{ord(character)};" for character in "&<>|`[]*\\@"})
_LINKS = re.compile(r"(?<=:)/|(?<=www)\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PictureRow:
    """number: what the picture is called in this conversation. name: what its file was called, where it had a name.
    facts: None where the model's process has told none.
    """

    number: int
    digest: str
    facts: PictureFacts | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class TableRead:
    """A table that was found in a text. rows: cells by the titles of their columns, as people read them."""

    summary: str
    rows: tuple[dict[str, str], ...]


def short(digest: str) -> str:
    """What a table shows of a SHA-256 in hexadecimal."""
    return digest[:SHORT_DIGITS]


def picture_table(rows: Sequence[PictureRow], group: tuple[int, int] | None = None) -> str:
    """The block with an empty line after it. group: which one of how many, from 1, when pictures are looked at in
    groups. Columns that would be empty are left out.
    """
    columns: list[tuple[str, list[str]]] = [
        ("Image", [str(row.number) for row in rows]),
        ("Filename", [_file_name(row) for row in rows]),
    ]
    if any(row.name for row in rows):
        columns.append(("Original", [_cell(row.name) for row in rows]))
    taken = [_taken(row.facts) for row in rows]
    if any(any(cells) for cells in taken):
        columns += [(name, [cells[at] for cells in taken]) for at, name in enumerate(("Location", "Date", "Camera"))]
    lines = [_line([name for name, _ in columns]), "|" + "---|" * len(columns)]
    lines += [_line([cells[at] for _, cells in columns]) for at in range(len(rows))]
    body = "\n".join(lines)
    return f"{OPEN}\n<summary>{_summary(rows, group)}</summary>\n\n{MARKER}\n{body}\n\n{CLOSE}{AFTER}"


def listed_pictures(text: str) -> list[tuple[int, str]]:
    """Number and short digest of every row of every table in a text."""
    rows = (row for start, end in _blocks(text) for row in _ROW.finditer(text, start, end))
    return [(int(row[1]), row[2]) for row in rows]


def without_tables(text: str) -> str:
    """The text as the model wrote it."""
    return "".join(piece for piece in with_tables_read(text) if isinstance(piece, str))


def with_tables_read(text: str) -> Iterator[str | TableRead]:
    """The text from its beginning to its end; a table stands for its block and the empty line after it."""
    position = 0
    for start, end in _blocks(text):
        if start > position:
            yield text[position:start]
        yield _read(text[start:end])
        position = end + len(AFTER) if text.startswith(AFTER, end) else end
    if position < len(text):
        yield text[position:]


def _read(block: str) -> TableRead:
    head, _, body = block.partition(MARKER)
    summary = _SUMMARY.search(head)
    lines = [line for line in body.splitlines() if line.startswith("|")]
    titles, *rows = [_cells(line) for line in lines] or [[]]
    read = tuple(dict(zip(titles, row, strict=False)) for row in rows[1:])  # the first is the rule below the titles
    return TableRead("" if summary is None else html.unescape(summary[1]), read)


def _cells(line: str) -> list[str]:
    return [html.unescape(cell.strip()) for cell in line.strip().strip("|").split("|")]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Where tables begin and end. Every character is looked at a few times at most, whatever the text holds."""
    position, marker = 0, text.find(MARKER)
    while marker >= 0:
        start = text.rfind(OPEN, position, marker)
        position = marker + len(MARKER)
        if start >= 0 and text.find(CLOSE, start, marker) < 0:
            end = text.find(CLOSE, position)
            if end < 0:
                return
            position = end + len(CLOSE)
            yield start, position
        marker = text.find(MARKER, position)


def _summary(rows: Sequence[PictureRow], group: tuple[int, int] | None) -> str:
    if group is None:
        return f"Image Metadata ({len(rows)} image{'' if len(rows) == 1 else 's'})"
    numbers = [row.number for row in rows]
    first, last = numbers[0], numbers[-1]
    if len(numbers) == 1:
        which = f"Image {first}"
    elif numbers == list(range(first, last + 1)):
        which = f"Images {first}-{last}"
    else:
        which = f"Images {', '.join(map(str, numbers))}"
    return f"Chunk {group[0]}/{group[1]}: {which}"


def _file_name(row: PictureRow) -> str:
    kind = "" if row.facts is None else row.facts.format
    ending = _ENDINGS.get(kind, re.sub(r"[^a-z0-9]", "", kind.lower())[:8]) or "image"
    return f"image_{short(row.digest)}.{ending}"


def _taken(facts: PictureFacts | None) -> tuple[str, str, str]:
    if facts is None:
        return "", "", ""
    return _cell(picture_place(facts)), _cell(facts.taken), _cell(facts.camera)


def _cell(text: str | None) -> str:
    """Nothing in it is Markdown, HTML or a link any more, and it is one line."""
    if not text:
        return ""
    shown = printable(text).strip()
    if len(shown) > LONGEST_CELL:
        shown = shown[: LONGEST_CELL - 3] + "..."
    return _LINKS.sub(lambda found: f"&#{ord(found[0])};", shown.translate(_ESCAPES))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
