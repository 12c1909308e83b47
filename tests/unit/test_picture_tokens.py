"""Tokens of pictures as the memory of prompts knows them."""

from __future__ import annotations

import pytest

from domain.serving.picture_tokens import before_picture, marked, plain, text_length
from domain.serving.prompt_divergence import Divergence, Loss, divergence
from domain.serving.prompt_explanation import explained

IMAGE = 151_655
PROMPT = (1, 2, IMAGE, IMAGE, IMAGE, 3, IMAGE, 4)
ONE = marked(PROMPT, [(2, 5, "a"), (6, 7, "b")])


def test_only_places_of_pictures_are_marked_and_all_can_be_told_again() -> None:
    assert [token < 0 for token in ONE] == [False, False, True, True, True, False, True, False]
    assert tuple(plain(token) for token in ONE) == PROMPT


def test_the_same_picture_is_the_same_anywhere_and_another_differs_at_every_place() -> None:
    moved = marked((9, *PROMPT), [(3, 6, "a"), (7, 8, "b")])
    other = marked(PROMPT, [(2, 5, "c"), (6, 7, "b")])
    assert moved[1:] == ONE
    assert [mine == theirs for mine, theirs in zip(ONE, other, strict=True)] == [
        True, True, False, False, False, True, True, True,
    ]  # fmt: skip
    assert len(set(ONE)) == len(ONE), "no two places of a picture are the same"


def test_other_placeholders_for_the_same_picture_are_another_picture() -> None:
    assert marked((7, 7, 8), [(0, 3, "a")])[:2] != marked((7, 7, 7), [(0, 3, "a")])[:2]


def test_marks_fit_into_64_bits_whatever_the_token() -> None:
    for token in (0, IMAGE, (1 << 20) - 1, 1 << 40, -1):
        for place in range(200):
            (found,) = marked((token,), [(0, 1, f"picture {place}")])
            assert -(1 << 63) <= found < 0


@pytest.mark.parametrize(("length", "whole"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 2), (5, 5), (6, 6), (7, 7), (8, 8)])
def test_a_length_within_a_picture_is_cut_back_to_before_it(length: int, whole: int) -> None:
    assert before_picture(ONE, length) == whole


def test_text_ends_where_the_first_picture_begins() -> None:
    assert (text_length(ONE), text_length(PROMPT), text_length(())) == (2, len(PROMPT), 0)


def test_prompts_that_part_at_pictures_show_others() -> None:
    other = marked(PROMPT, [(2, 5, "c"), (6, 7, "b")])
    found = divergence(other, [ONE], 2, Loss.NONE)
    assert (found.kind, found.matched_tokens) == (Divergence.PICTURES_DIFFER, 2)
    assert found.prompt_next == found.remembered_next == PROMPT[2:]
    told = explained(found, lambda _token: b"")
    assert told.message == (
        "After 2 tokens the prompt shows another picture than the nearest one that is remembered. "
        "Of its 8 tokens 2 need not be read."
    )


def test_a_picture_where_text_was_is_told_as_tokens() -> None:
    found = divergence(ONE, [(1, 2, 3, 4)], 2, Loss.NONE)
    assert (found.kind, found.prompt_next, found.remembered_next) == (Divergence.TOKENS_DIFFER, PROMPT[2:], (3, 4))


@pytest.mark.parametrize("length", range(4))
def test_token_0_is_text(length: int) -> None:
    prompt = marked((0, 0, IMAGE, 0), [(2, 3, "a")])
    assert before_picture(prompt, length) == length
    assert text_length(prompt) == 2
    assert before_picture(marked((0, IMAGE, IMAGE), [(1, 3, "a")]), 2) == 1
