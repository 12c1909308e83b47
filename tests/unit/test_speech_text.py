"""A text is cut where a speaker would breathe; nothing of it is lost, and no piece is too long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.inference.speech import MOST_SEED, SpeechRequest
from domain.inference.speech_text import MOST_CHARACTERS, speech_pieces

WORDS = st.text(st.sampled_from("ab .,;:!?\n\r\t\"')(\u3002\uff1f\u4f60\u0301\u2026\u2019-"), max_size=600)


def bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


@settings(max_examples=60)
@given(st.one_of(WORDS, st.text(max_size=400)), st.integers(8, 300))
def test_nothing_is_lost_and_every_piece_is_bounded(text: str, most: int) -> None:
    pieces = speech_pieces(text, most)
    assert bare("".join(pieces)) == bare(text)
    assert all(0 < len(piece) <= most and piece == piece.strip() for piece in pieces)


@given(WORDS)
def test_lines_are_never_said_together(text: str) -> None:
    for piece in speech_pieces(text):
        assert not re.search(r"[\r\n]", piece)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", ()),
        (" \n\t ", ()),
        ("Mind the gap.", ("Mind the gap.",)),
        ("Mind   the\tgap.", ("Mind the gap.",)),
        ("One line\nand another", ("One line", "and another")),
        ("Yes. No.", ("Yes. No.",)),
        ("It costs 3.50 euros, says e.g. Dr. No.", ("It costs 3.50 euros, says e.g. Dr. No.",)),
    ],
)
def test_short_texts_are_said_in_one_go_but_for_their_lines(text: str, pieces: tuple[str, ...]) -> None:
    assert speech_pieces(text) == pieces


def test_a_piece_ends_with_a_sentence_and_what_closes_around_it() -> None:
    first = 'She said: "There is nobody here but the two of us and the old cat!"'
    assert speech_pieces(f"{first} Then she left.") == (first, "Then she left.")


def test_titles_and_initials_end_no_sentence() -> None:
    long = "A very long introduction of somebody who is well known is given by Dr. Jones and Mr. J. Smith of the town."
    assert speech_pieces(long) == (long,)


def test_scripts_without_spaces_are_cut_too() -> None:
    sentence = "\u4eca\u5929\u5929\u6c14\u5f88\u597d" * 8 + "\u3002"
    assert speech_pieces(sentence * 3, 60) == (sentence,) * 3


def test_a_sentence_that_is_too_long_is_cut_after_a_clause_then_after_a_word() -> None:
    assert speech_pieces("one, two three four, five six seven eight nine", 20) == (
        "one, two three four,", "five six seven eight", "nine",
    )  # fmt: skip
    assert speech_pieces("x" * 50, 20) == ("x" * 20, "x" * 20, "x" * 10)


def test_a_letter_keeps_its_marks() -> None:
    pieces = speech_pieces("e\u0301" * 15, 9)
    assert all(piece[0] == "e" for piece in pieces)


def test_a_megabyte_without_an_end_takes_no_longer_than_one_with_ends() -> None:
    assert len(speech_pieces("word " * 40_000)) > 200_000 // MOST_CHARACTERS - 1


@pytest.mark.parametrize(
    ("wish", "param"), [({"text": " \n"}, "input"), ({"speed": 0.1}, "speed"), ({"speed": 5.0}, "speed"),
                        ({"seed": -1}, "seed"), ({"seed": MOST_SEED + 1}, "seed")],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_named(wish: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        SpeechRequest(**{"text": "hi", **wish})  # type: ignore[arg-type]
    assert caught.value.param == param
