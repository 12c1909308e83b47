"""Words into segments, and what is told of a sound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.inference.hearing_words import TimedToken, worded
from domain.inference.transcription import HeardWord, Segment

SEGMENTS = [Segment(0, 1.0, 2.0, " one two"), Segment(1, 3.0, 4.0, " three")]


def test_a_word_belongs_to_the_segment_of_its_first_token() -> None:
    words = [TimedToken(" one", 2, 1.1, 1.4, 0.9), TimedToken(" two", 1, 1.4, 1.8, 0.8), TimedToken(" three", 1, 3.1, 3.3, 0.7)]  # fmt: skip  # noqa: E501
    found = worded(SEGMENTS, [3, 1], words)
    assert [segment.words for segment in found] == [
        (HeardWord(" one", 1.1, 1.4, 0.9), HeardWord(" two", 1.4, 1.8, 0.8)), (HeardWord(" three", 3.1, 3.3, 0.7),)
    ]  # fmt: skip


def test_segments_whose_words_could_not_be_aligned_have_none() -> None:
    assert [segment.words for segment in worded(SEGMENTS, [3, 1], [])] == [(), ()]


@given(st.lists(st.tuples(st.integers(1, 3), st.floats(0, 9), st.floats(0, 9)), max_size=12), st.integers(0, 9))
def test_words_stay_in_order_and_within_their_segment(told: list[tuple[int, float, float]], first: int) -> None:
    words = [TimedToken(" w", tokens, start, end, 0.5) for tokens, start, end in told]
    for segment in worded(SEGMENTS, [first, sum(each[0] for each in told)], words):
        earliest = segment.start
        for word in segment.words:
            assert earliest <= word.start <= word.end <= segment.end
            earliest = word.end
