"""Keys of tokens are those of SplitMix64, so that a seed gives the same answer everywhere and always."""

from __future__ import annotations

import pytest

from domain.bench.filler import WORDS, filler, words_for
from domain.inference.row_key import _mixed, row_key


@pytest.mark.parametrize(
    ("state", "output"),
    [
        (0, 0xE220A8397B1DCDAF),
        (1234567, 6457827717110365317),
        ((1234567 + 0x9E3779B97F4A7C15) % 2**64, 3203168211198807973),
    ],
)
def test_the_mixing_is_that_of_the_published_generator(state: int, output: int) -> None:
    assert _mixed(state) == output


def test_a_key_mixes_the_seed_and_then_the_position() -> None:
    assert row_key(0, 0) == _mixed(0xE220A8397B1DCDAF)
    assert row_key(0, 2) == _mixed(0xE220A8397B1DCDAF + 2)
    assert row_key(2**64 - 1, 0) < 2**64


def test_filler_is_words_with_a_blank_between_them() -> None:
    words = filler(7, 3).split(" ")
    assert len(words) == 7
    assert set(words) <= set(WORDS)


def test_a_prompt_has_one_word_at_least() -> None:
    assert words_for(1, (1, 100), (2, 110)) == 1
