"""Stop strings over a stream: nothing leaks, and the cut does not depend on how the text arrived."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.inference import StopMatcher

ALPHABET = "ab\n🎉"


def fed(pieces: list[str], stop: tuple[str, ...]) -> tuple[str, bool]:
    matcher = StopMatcher(stop)
    shown = "".join([*map(matcher.feed, pieces), matcher.finish()])
    return shown, matcher.stopped


def cut(text: str, stop: tuple[str, ...]) -> tuple[str, bool]:
    found = [at for word in stop if (at := text.find(word)) >= 0]
    return (text[: min(found)], True) if found else (text, False)


def chunkings(text: str, cuts: list[int]) -> list[str]:
    marks = [0, *sorted({at % (len(text) + 1) for at in cuts}), len(text)]
    return [text[start:end] for start, end in pairwise(marks)]


@given(
    st.text(ALPHABET, max_size=40),
    st.lists(st.text(ALPHABET, min_size=1, max_size=5), max_size=4).map(tuple),
    st.lists(st.integers(0, 1000), max_size=12),
)
def test_any_chunking_shows_the_text_before_the_earliest_stop_string(
    text: str, stop: tuple[str, ...], cuts: list[int]
) -> None:
    assert fed(chunkings(text, cuts), stop) == cut(text, stop)


def test_a_stop_string_split_over_pieces_never_leaks_its_beginning() -> None:
    matcher = StopMatcher(("<|end|>",))
    assert [matcher.feed(piece) for piece in ("Hi <", "|en", "d|> more")] == ["Hi ", "", ""]
    assert matcher.stopped


def test_text_that_only_looked_like_a_stop_string_is_shown() -> None:
    matcher = StopMatcher(("<|end|>",))
    assert [matcher.feed("a <|e"), matcher.feed("lse"), matcher.finish()] == ["a ", "<|else", ""]
    assert not matcher.stopped


def test_a_stop_string_waits_for_a_longer_one_that_began_before_it() -> None:
    assert fed(["a", "b", "c"], ("abc", "b")) == ("", True)
    assert fed(["a", "b", "d"], ("abc", "b")) == ("a", True)
    assert fed(["a", "b"], ("abc", "b")) == ("a", True)


def test_nothing_is_shown_after_a_stop_string() -> None:
    matcher = StopMatcher(("x",))
    assert [matcher.feed("ax"), matcher.feed("more"), matcher.finish()] == ["a", "", ""]


def test_without_stop_strings_every_piece_passes_at_once() -> None:
    matcher = StopMatcher(())
    assert [matcher.feed("a"), matcher.feed("b"), matcher.finish()] == ["a", "b", ""]
