"""Which bytes of a file are here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """Bytes from start up to, not including, end."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ByteRanges:
    """Spans that are sorted, disjoint and never touch."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> ByteRanges:
        """From spans in any order, overlapping or not; empty and negative ones count for nothing."""
        merged: list[Span] = []
        for start, end in sorted((max(0, start), end) for start, end in spans):
            if end <= start:
                continue
            if merged and start <= merged[-1].end:
                merged[-1] = Span(merged[-1].start, max(merged[-1].end, end))
            else:
                merged.append(Span(start, end))
        return cls(tuple(merged))

    @property
    def covered_bytes(self) -> int:
        return sum(span.length for span in self.spans)

    def with_span(self, start: int, end: int) -> ByteRanges:
        return ByteRanges.of([*self.spans, (start, end)])

    def within(self, size_bytes: int) -> ByteRanges:
        """Without what lies beyond the end of the file."""
        return ByteRanges.of((start, min(end, size_bytes)) for start, end in self.spans)

    def missing(self, size_bytes: int) -> tuple[Span, ...]:
        """The gaps up to size_bytes."""
        gaps: list[Span] = []
        position = 0
        for span in self.spans:
            if span.start > position:
                gaps.append(Span(position, min(span.start, size_bytes)))
            position = max(position, span.end)
        if position < size_bytes:
            gaps.append(Span(position, size_bytes))
        return tuple(gap for gap in gaps if gap.length > 0)

    def covers(self, size_bytes: int) -> bool:
        return not self.missing(size_bytes)


def segments(gaps: Iterable[Span], segment_bytes: int) -> Iterator[Span]:
    """The gaps in pieces of at most segment_bytes, in order."""
    for gap in gaps:
        for start in range(gap.start, gap.end, segment_bytes):
            yield Span(start, min(start + segment_bytes, gap.end))
