"""How Whisper's answers are read: what may come next, what can be trusted, where a window is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.inference.whisper_rules import (
    LAST_STAMP,
    TEMPERATURES,
    Piece,
    Reading,
    allowed_next,
    compression_ratio,
    cut,
    is_silence,
    ladder,
    wants_another,
)

FIRST = 100  # ids from here on are timestamps
END = 99
TOKENS = st.one_of(st.integers(0, END - 1), st.integers(FIRST, FIRST + LAST_STAMP))


def reading(*, logprob: float = -0.1, silent: float = 0.0, ratio: float = 1.0) -> Reading:
    return Reading((1, 2), 0.0, logprob, silent, ratio)


def stamps(*seconds: float) -> list[int]:
    return [FIRST + round(each * 50) for each in seconds]


def test_a_given_temperature_is_the_only_one_and_none_means_all_in_turn() -> None:
    assert ladder(0.4) == (0.4,)
    assert ladder(None) == ladder(0.0) == TEMPERATURES == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def test_what_repeats_itself_is_tried_again() -> None:
    assert compression_ratio("and so on " * 50) > 2.4 > compression_ratio("The quick brown fox jumps over the dog.")
    assert wants_another(reading(ratio=2.5)) and not wants_another(reading(ratio=2.4))


def test_what_was_guessed_is_tried_again() -> None:
    assert wants_another(reading(logprob=-1.1)) and not wants_another(reading(logprob=-1.0))


def test_a_guess_where_nobody_speaks_is_silence_and_not_tried_again() -> None:
    guess = reading(logprob=-1.1, silent=0.7, ratio=3.0)
    assert is_silence(guess) and not wants_another(guess)
    assert not is_silence(reading(logprob=-0.9, silent=0.9))
    assert not is_silence(reading(logprob=-1.1, silent=0.6))


def test_a_window_begins_with_a_timestamp_within_its_first_second() -> None:
    allowed = allowed_next([], FIRST, times=True)
    assert (allowed.text, allowed.end, allowed.lowest, allowed.highest) == (False, False, 0, 50)


def test_words_follow_the_timestamp_that_opens_a_pair() -> None:
    allowed = allowed_next(stamps(0.2), FIRST, times=True)
    assert allowed.text and allowed.end and allowed.lowest > allowed.highest


def test_a_timestamp_that_closes_is_followed_by_one_that_opens_or_by_the_end() -> None:
    allowed = allowed_next([*stamps(0.2), 7, *stamps(1.0)], FIRST, times=True)
    assert not allowed.text and allowed.end and allowed.lowest == 50


def test_a_pair_is_never_of_no_length() -> None:
    assert allowed_next([*stamps(0.2), 7], FIRST, times=True).lowest == 11


def test_without_times_there_are_words_first_and_no_timestamps() -> None:
    first, later = allowed_next([], FIRST, times=False), allowed_next([3], FIRST, times=False)
    assert first.text and not first.end and later.text and later.end
    assert first.lowest > first.highest and later.lowest > later.highest


@st.composite
def sampled_by_the_rule(draw: st.DrawFn) -> list[int]:
    """Any tokens that a model may come to where it keeps to the rule."""
    tokens: list[int] = []
    for _ in range(draw(st.integers(0, 40))):
        allowed = allowed_next(tokens, FIRST, times=True)
        choices = [st.integers(0, END - 1)] if allowed.text else []
        if allowed.lowest <= allowed.highest:
            choices.append(st.integers(FIRST + allowed.lowest, FIRST + allowed.highest))
        if not choices or (allowed.end and draw(st.integers(0, 9)) == 0):
            break
        tokens.append(draw(st.one_of(choices)))
    return tokens


@given(sampled_by_the_rule())
def test_timestamps_never_go_back_where_the_rule_is_kept(tokens: list[int]) -> None:
    told = [token for token in tokens if token >= FIRST]
    assert told == sorted(told)
    assert not any(tokens[at] >= FIRST and tokens[at - 1] >= FIRST and tokens[at - 2] >= FIRST
                   for at in range(2, len(tokens)))  # fmt: skip


@given(sampled_by_the_rule(), st.integers(1, 3000))
def test_a_window_that_keeps_to_the_rule_leads_on_to_where_its_last_pair_ends(tokens: list[int], frames: int) -> None:
    found = cut(tokens, FIRST, frames)
    assert 1 <= found.frames <= frames


@given(st.lists(TOKENS, max_size=60), st.integers(1, 3000))
def test_whatever_the_tokens_the_sound_goes_on_and_times_are_in_order(tokens: list[int], frames: int) -> None:
    found = cut(tokens, FIRST, frames)
    assert 1 <= found.frames <= frames
    earliest = 0
    for piece in found.pieces:
        assert earliest <= piece.start <= piece.end <= frames
        earliest = piece.end


def test_pairs_are_pieces_and_what_is_behind_them_is_heard_again() -> None:
    tokens = [*stamps(0.2), 1, 2, *stamps(1.0, 1.4), 3, *stamps(2.0, 2.0), 4]
    assert cut(tokens, FIRST, 3000) == cut(tokens[:-1], FIRST, 3000)
    assert cut(tokens, FIRST, 3000).pieces == (
        Piece(20, 100, (*stamps(0.2), 1, 2, *stamps(1.0))),
        Piece(140, 200, (*stamps(1.4), 3, *stamps(2.0))),
    )
    assert cut(tokens, FIRST, 3000).frames == 200


def test_a_single_timestamp_at_the_end_says_that_nothing_follows() -> None:
    tokens = [*stamps(0.2), 1, *stamps(1.0, 1.4), 3, *stamps(2.0)]
    found = cut(tokens, FIRST, 1500)
    assert [(piece.start, piece.end) for piece in found.pieces] == [(20, 100), (140, 200)]
    assert found.frames == 1500


def test_words_without_pairs_are_one_piece_from_their_first_timestamp_on() -> None:
    assert cut([*stamps(0.4), 1, 2, *stamps(3.0)], FIRST, 1000).pieces[0].start == 40
    assert cut([1, 2], FIRST, 1000) == cut([1, 2], FIRST, 1000).__class__((Piece(0, 1000, (1, 2)),), 1000)


@pytest.mark.parametrize("tokens", [stamps(0, 0), [*stamps(0, 0), 5], [*stamps(0, 0, 0), 5, *stamps(0, 0)]])
def test_a_pair_of_no_length_which_some_loop_on_for_ever_ends_the_window(tokens: list[int]) -> None:
    found = cut(tokens, FIRST, 800)
    assert found.frames == 800
    said = [token for piece in found.pieces for token in piece.tokens if token < END]
    assert said == [token for token in tokens if token < END]
