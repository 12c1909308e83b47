"""What people are told of a prompt and the memory of older ones."""

from __future__ import annotations

import pytest

from domain.serving.cache_check import CacheCheck, CacheChecks
from domain.serving.prompt_divergence import Divergence, Loss, PromptDivergence, divergence
from domain.serving.prompt_explanation import TokenText, explained

OLD = tuple(b"You are kind. Tell me a story")


def spelled(token: int) -> bytes:
    return bytes([token]) if token < 256 else b""


def test_the_texts_of_both_sides_are_told_from_where_they_part() -> None:
    told = explained(divergence(tuple(b"You are cruel. Tell"), [OLD], 8, Loss.NONE), spelled)
    assert told.prompt == TokenText(ord("c"), "c", "cruel. T")
    assert told.remembered == TokenText(ord("k"), "k", "kind. Te")
    assert told.message == (
        "After 8 tokens the prompt says 'cruel. T' (token 99) where the nearest one that is remembered says 'kind. Te' "
        "(token 107). Of its 19 tokens 8 need not be read."
    )


def test_half_a_character_and_a_token_without_text_are_shown_as_what_they_are() -> None:
    told = explained(divergence((1, 0xE2, 0x82, 0xAC), [(1, 400)], 1, Loss.NONE), spelled)
    assert told.prompt == TokenText(0xE2, "\ufffd", "\u20ac")
    assert told.remembered == TokenText(400, "", "")


@pytest.mark.parametrize(
    ("prompt", "remembered", "reusable", "loss", "words"),
    [
        (OLD, [], 0, Loss.NONE, ["No prompt is remembered."]),
        (OLD, [OLD], 28, Loss.NONE, ["equals one", "28 need not be read: the last one is always read."]),
        ((*OLD, 33), [OLD], 29, Loss.NONE, ["goes on where one", "after 29 tokens", "Of its 30 tokens 29 need not"]),
        (OLD[:9], [OLD], 8, Loss.FORGOTTEN, ["9 tokens, is the beginning", "the last one is always read"]),
        ((*OLD, 33), [OLD], 0, Loss.FORGOTTEN, ["0 need not be read: the others were dropped"]),
        ((*OLD, 33), [OLD], 0, Loss.NO_SNAPSHOT, ["cannot be cut"]),
        ((*OLD, 33), [OLD], 0, Loss.QUARANTINED, ["quarantine"]),
    ],
)
def test_every_way_of_parting_and_losing_has_its_sentence(
    prompt: tuple[int, ...], remembered: list[tuple[int, ...]], reusable: int, loss: Loss, words: list[str]
) -> None:
    message = explained(divergence(prompt, remembered, reusable, loss), spelled).message
    assert [each for each in words if each not in message] == [], message


def test_a_cache_that_is_off_says_so() -> None:
    told = explained(PromptDivergence(Divergence.CACHE_OFF, 5, 0, 0, Loss.NONE), spelled)
    assert (told.message, told.prompt, told.remembered) == ("The prompt cache is off.", None, None)


def test_comparisons_are_counted_and_those_that_differ_too() -> None:
    checks = CacheChecks()
    for difference in (0.001, 3.0, float("nan")):
        checks = checks.and_one_more(CacheCheck(("KVCache",), 100, difference, 0.02))
    assert checks == CacheChecks(made=3, differing=2)


def test_a_side_that_has_no_token_says_nothing() -> None:
    parted = PromptDivergence(Divergence.TOKENS_DIFFER, 5, 5, 5, Loss.NONE, (), (107,))
    assert explained(parted, spelled).message.startswith(
        "After 5 tokens the prompt says nothing where the nearest one that is remembered says 'k' (token 107)."
    )
