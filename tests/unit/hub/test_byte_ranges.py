"""Which bytes are here, and which are missing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.hub.byte_ranges import ByteRanges, Span, segments

SPANS = st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60)), max_size=8)


def bytes_of(spans: list[tuple[int, int]]) -> set[int]:
    return {at for start, end in spans for at in range(max(0, start), end)}


@given(SPANS)
def test_ranges_hold_exactly_the_bytes_they_were_made_of(spans: list[tuple[int, int]]) -> None:
    ranges = ByteRanges.of(spans)
    assert bytes_of(list(ranges.spans)) == bytes_of(spans)
    assert ranges.covered_bytes == len(bytes_of(spans))
    assert all(left.end < right.start for left, right in zip(ranges.spans, ranges.spans[1:], strict=False))


@given(SPANS, st.integers(0, 60))
def test_what_is_missing_is_what_is_not_here(spans: list[tuple[int, int]], size: int) -> None:
    ranges = ByteRanges.of(spans)
    missing = bytes_of(list(ranges.missing(size)))
    assert missing == set(range(size)) - bytes_of(spans)
    assert ranges.covers(size) == (not missing)
    assert bytes_of(list(ranges.within(size).spans)) == bytes_of(spans) & set(range(size))


@given(SPANS, st.integers(1, 9))
def test_segments_cover_the_gaps_in_order_and_none_is_too_long(spans: list[tuple[int, int]], longest: int) -> None:
    gaps = ByteRanges.of(spans).spans
    pieces = list(segments(gaps, longest))
    assert bytes_of(list(pieces)) == bytes_of(list(gaps))
    assert all(0 < piece.length <= longest for piece in pieces)
    assert pieces == sorted(pieces)


def test_adding_a_span_joins_its_neighbours() -> None:
    assert ByteRanges.of([(0, 5), (8, 9)]).with_span(5, 8).spans == (Span(0, 9),)
