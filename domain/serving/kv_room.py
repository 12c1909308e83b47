"""How many conversations fit into the memory that a loaded model may use for their caches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Rows of one batch are padded to its longest; rows so unequal that this would cost more get a batch of their own.
MOST_PADDING = 1.5
# What is kept free for an answer whose length nobody named; it may grow by as much again, while there is room.
WINDOW_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class RowBytes:
    """What the caches of one row take. full: bytes a token, in all layers that keep every token. windows: (tokens,
    bytes a token) of layers that keep a window. fixed: bytes of what does not grow. step: tokens by which caches grow.
    """

    full: int
    windows: tuple[tuple[int, int], ...] = ()
    fixed: int = 0
    step: int = 256

    def of(self, tokens: int) -> int:
        """Bytes of a row that holds so many tokens."""
        rounded = -(-tokens // self.step) * self.step
        windows = sum(min(rounded, window) * each for window, each in self.windows)
        return self.fixed + self.full * rounded + windows


def dense_bytes(lengths: Sequence[int], of: Callable[[int], int]) -> int:
    """What rows of these lengths take as they are really laid out: in batches, each padded to its longest row, as few
    batches as keep the padding within MOST_PADDING.
    """
    batches: list[tuple[int, int, int]] = []  # (rows, bytes of the longest, bytes of all by themselves)
    for length in sorted(lengths, reverse=True):
        own = of(length)
        for at, (rows, longest, needs) in enumerate(batches):
            if (rows + 1) * longest <= MOST_PADDING * (needs + own):
                batches[at] = (rows + 1, longest, needs + own)
                break
        else:
            batches.append((1, own, own))
    return sum(rows * longest for rows, longest, _ in batches)


@dataclass(frozen=True, slots=True)
class KvRoom:
    """limit_bytes: for the caches of all rows together; None is without limit."""

    limit_bytes: int | None
    row: RowBytes

    def fits(self, lengths: Sequence[int]) -> bool:
        """Whether rows that grow to these lengths fit side by side."""
        return self.limit_bytes is None or dense_bytes(lengths, self.row.of) <= self.limit_bytes

    def longest(self, most: int) -> int:
        """The longest row that fits by itself, at most `most` tokens; 0 when none does."""
        if self.fits([most]):
            return most
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.fits([middle]) else (low, middle)
        return low


def window_of(max_tokens: int, *, explicit: bool) -> int:
    """How much of an answer's length is kept free from the start."""
    return max_tokens if explicit else min(max_tokens, WINDOW_TOKENS)
