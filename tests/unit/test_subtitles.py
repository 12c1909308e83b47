"""Subtitles: times never go back, whatever a model says, and nothing in the text can pass for a mark."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from domain.inference.subtitles import Cue, cues, segment_table, srt, vtt
from domain.inference.transcription import HeardWord, Segment

TIMES = st.floats(0, 400_000, allow_nan=False)
TEXTS = st.text(max_size=80)
TIME = re.compile(r"^(\d\d+):([0-5]\d):([0-5]\d)[.,](\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d)[.,](\d{3})$", re.MULTILINE)


@st.composite
def words(draw: st.DrawFn) -> tuple[HeardWord, ...]:
    given_words = draw(st.lists(st.tuples(TEXTS, TIMES, TIMES), max_size=12))
    return tuple(HeardWord(text, min(start, end), max(start, end), 0.5) for text, start, end in given_words)


@st.composite
def segments(draw: st.DrawFn) -> tuple[Segment, ...]:
    """In any order, which no contract allows: what is written must still be good."""
    given_segments = draw(st.lists(st.tuples(TIMES, TIMES, TEXTS, words()), max_size=8))
    return tuple(
        Segment(number, min(start, end), max(start, end), text, words=spoken)
        for number, (start, end, text, spoken) in enumerate(given_segments)
    )


def times_of(text: str) -> list[tuple[int, int]]:
    def milliseconds(hours: str, minutes: str, seconds: str, rest: str) -> int:
        return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(rest)

    return [(milliseconds(*each[:4]), milliseconds(*each[4:])) for each in TIME.findall(text)]


@given(segments(), st.booleans())
def test_times_never_go_back(heard: tuple[Segment, ...], by_words: bool) -> None:
    for write in (srt, vtt):
        times = times_of(write(cues(heard, by_words=by_words)))
        starts = [start for start, _ in times]
        assert starts == sorted(starts)
        assert all(start <= end for start, end in times)


@given(segments(), st.booleans())
def test_there_are_as_many_arrows_as_cues_and_no_empty_line_inside_one(
    heard: tuple[Segment, ...], by_words: bool
) -> None:
    found = cues(heard, by_words=by_words)
    assert srt(found).count("-->") == vtt(found).count("-->") == len(found)
    blocks = [block for block in srt(found).split("\n\n") if block.strip()]
    assert [block.split("\n")[0] for block in blocks] == [str(number) for number in range(1, len(found) + 1)]
    assert len(vtt(found).split("\n\n")) == len(found) + 1


@given(segments())
def test_what_is_added_leaves_what_was_written_as_it_is(heard: tuple[Segment, ...]) -> None:
    for write in (srt, vtt):
        for length in range(1, len(heard)):
            before = write(cues(heard[:length]))
            after = write(cues(heard[: length + 1]))
            assert after.startswith(before) or not cues(heard[:length])


@given(segments())
def test_every_row_of_the_table_has_three_cells(heard: tuple[Segment, ...]) -> None:
    for row in segment_table(heard).splitlines():
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 4


def test_hours_have_as_many_digits_as_they_need() -> None:
    assert "100:01:01,500 --> 123:00:00,000" in srt([Cue(360_061.5, 442_800.0, "late")])


def test_marks_in_the_text_are_no_marks() -> None:
    cue = Cue(0, 1, "a --> b <i>&c")
    assert srt([cue]).splitlines()[2] == "a -> b <i>&c"
    assert vtt([cue]).splitlines()[3] == "a --&gt; b &lt;i&gt;&amp;c"


def test_a_long_segment_becomes_short_cues_by_its_words() -> None:
    spoken = tuple(HeardWord(f" word{at:02}", at * 1.0, at + 0.8, 0.9) for at in range(20))
    (segment,) = cues([Segment(0, 0, 20, " all", words=spoken)])
    assert segment.text == "all"
    short = cues([Segment(0, 0, 20, " all", words=spoken)], by_words=True)
    assert short[0].text == "word00 word01 word02 word03 word04 word05"
    assert all(len(each.text) <= 42 and each.end - each.start <= 7 for each in short)
    assert " ".join(each.text for each in short) == " ".join(word.text.strip() for word in spoken)


def test_a_pause_begins_a_new_cue() -> None:
    spoken = (HeardWord(" one", 0, 0.5, 1), HeardWord(" two", 3, 3.5, 1))
    assert [each.text for each in cues([Segment(0, 0, 4, "", words=spoken)], by_words=True)] == ["one", "two"]


def test_where_nothing_is_said_there_is_nothing() -> None:
    silence = [Segment(0, 0, 1, "  \n ")]
    assert (srt(cues(silence)), vtt(cues(silence)), segment_table([])) == ("", "WEBVTT\n", "")
