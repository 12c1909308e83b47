"""One remembered piece of a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Held:
    """The values of a piece, evaluated, in memory. rows: one array for each group of the layout, [members, heads,
    tokens, size]. whole: the arrays of what cannot be cut, and `skeleton`, which says in JSON where they belong.
    """

    rows: tuple[Any, ...] = ()
    whole: tuple[Any, ...] = ()
    skeleton: str = "[]"

    @property
    def size_bytes(self) -> int:
        return sum(int(each.nbytes) for each in (*self.rows, *self.whole))


@dataclass(slots=True, eq=False)
class Entry:
    """A block (BLOCK_TOKENS tokens, others may follow) or a tail (fewer, the end of what was remembered).

    start: tokens before it. layout: the text of the layout. exact: may be handed out only whole, because its caches
    cannot be cut. held: None when it is not in memory. stored: it is on the disk, or on its way there.
    """

    key: bytes
    parent: bytes
    start: int
    tokens: tuple[int, ...]
    layout: str
    tail: bool = False
    exact: bool = False
    held: Held | None = field(default=None, repr=False)
    stored: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)
