"""The next token by Whisper's rules, out of logits."""

from __future__ import annotations

from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

from adapters.inference.hearing.choosing import Choosing, Wish
from adapters.inference.hearing.whisper_tokens import WhisperTokens
from domain.inference.whisper_rules import LAST_STAMP, UNTIMED, Allowed
from tests.support.scripted_whisper import trained_tokens

VOCABULARY = 51_865
WORD, OTHER = 300, 301
ANYTHING = Allowed(text=True, end=True, lowest=0, highest=LAST_STAMP)


@pytest.fixture(scope="module")
def tokens() -> WhisperTokens:
    return trained_tokens()


def chosen(tokens: WhisperTokens, allowed: Allowed, logits: dict[int, float], *, first: bool = False) -> int:
    row = np.full((1, VOCABULARY), -20.0, np.float32)
    for token, value in logits.items():
        row[0, token] = value
    ((token,), (score,)) = Choosing(tokens, VOCABULARY).choose(mx.array(row), [Wish(allowed, 0.0, 0, first)])
    assert score <= 0
    return token


def test_words_that_are_forbidden_are_not_chosen_however_likely(tokens: WhisperTokens) -> None:
    assert chosen(tokens, ANYTHING, {WORD: 30.0}) == WORD
    assert chosen(tokens, replace(ANYTHING, text=False), {WORD: 30.0, 50_400: 5.0}) == 50_400
    assert chosen(tokens, replace(ANYTHING, text=False), {WORD: 30.0, tokens.end: 25.0}) == tokens.end


def test_timestamps_outside_of_what_is_allowed_are_not_chosen(tokens: WhisperTokens) -> None:
    allowed = replace(ANYTHING, text=False, lowest=100, highest=200)
    assert chosen(tokens, allowed, {50_400: 30.0, 50_700: 29.0, 50_500: 20.0}) == 50_500


def test_timestamps_that_are_together_likelier_than_any_word_leave_no_room_for_words(tokens: WhisperTokens) -> None:
    many = {tokens.first_stamp + at: 4.0 for at in range(100)}
    assert chosen(tokens, ANYTHING, {WORD: 5.0, **many}) >= tokens.first_stamp
    assert chosen(tokens, ANYTHING, {WORD: 5.0, 50_400: 4.0}) == WORD


def test_no_other_special_token_is_ever_chosen(tokens: WhisperTokens) -> None:
    special = (tokens.start, tokens.previous, tokens.untimed, tokens.languages["de"])
    assert chosen(tokens, ANYTHING, {OTHER: 1.0, **dict.fromkeys(special, 30.0)}) == OTHER


def test_marks_are_suppressed_and_a_window_does_not_begin_with_a_blank(tokens: WhisperTokens) -> None:
    assert chosen(tokens, UNTIMED, {OTHER: 1.0, tokens.suppressed[0]: 30.0}) == OTHER
    blanked = replace(tokens, suppressed=(), blank=(WORD,))
    assert chosen(blanked, UNTIMED, {OTHER: 1.0, WORD: 30.0}, first=True) == OTHER
    assert chosen(blanked, UNTIMED, {OTHER: 1.0, WORD: 30.0}) == WORD
