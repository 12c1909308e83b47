"""Turns out of a detector's scores: frames of 20 ms, `#` speech, `-` a voice that fades, `.` silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from domain.inference.spoken_turns import TurnBegan, TurnEnded, TurnEvent, TurnRules, TurnTaker

SCORES = {"#": 1.0, "-": 0.4, ".": 0.0, "~": 0.6}
RULES = TurnRules(prefix_ms=60, silence_ms=100, least_ms=40, longest_ms=1000)


def heard(line: str, rules: TurnRules = RULES) -> list[TurnEvent]:
    return list(TurnTaker(rules, 20).hear(SCORES[each] for each in line))


def test_silence_is_no_turn() -> None:
    assert heard("." * 100) == []


def test_a_click_is_no_turn() -> None:
    assert heard("....#......................#.......") == []


def test_a_turn_begins_with_its_prefix_and_ends_with_the_silence_after_it() -> None:
    assert heard("......######......") == [TurnBegan(3), TurnEnded(3, 17)]


def test_a_turn_at_the_very_beginning_has_what_there_is_of_a_prefix() -> None:
    assert heard(".####.....") == [TurnBegan(0), TurnEnded(0, 10)]


def test_a_pause_shorter_than_the_silence_belongs_to_the_turn() -> None:
    assert heard("...###....###.....") == [TurnBegan(0), TurnEnded(0, 18)]


def test_a_fading_voice_does_not_end_its_turn() -> None:
    assert heard("...####----------") == [TurnBegan(0)]


def test_a_fading_voice_alone_begins_none() -> None:
    assert heard("...----------......") == []


def test_once_it_is_silent_a_fading_voice_does_not_hold_the_turn() -> None:
    assert heard("...####.----") == [TurnBegan(0), TurnEnded(0, 12)]


def test_the_prefix_never_reaches_into_the_turn_before() -> None:
    assert heard("...####.....####.....") == [TurnBegan(0), TurnEnded(0, 12), TurnBegan(12), TurnEnded(12, 21)]


def test_speech_with_holes_of_a_plosive_begins_a_turn() -> None:
    assert heard("....#..#.....")[0] == TurnBegan(1)


def test_who_never_pauses_is_cut_where_it_is_quietest() -> None:
    line = "#" * 40 + "~" + "#" * 30
    assert heard(line) == [TurnBegan(0), TurnEnded(0, 40, cut=True), TurnBegan(40)]


def test_a_long_turn_that_pauses_just_then_ends_there() -> None:
    line = "#" * 47 + "..." + "......"
    assert heard(line) == [TurnBegan(0), TurnEnded(0, 50)]


def test_what_is_taken_by_hand_is_no_part_of_the_next_turn() -> None:
    taker = TurnTaker(RULES, 20)
    assert list(taker.hear([0.0, 1.0, 1.0, 1.0])) == [TurnBegan(0)]
    assert taker.take() == 0
    assert list(taker.hear([1.0, 1.0])) == [TurnBegan(4)]


def test_what_is_taken_in_silence_ran_as_no_turn() -> None:
    taker = TurnTaker(RULES, 20)
    assert list(taker.hear([0.0] * 10)) == []
    assert taker.take() is None
    assert taker.wanted_from == 10


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"threshold": 1.5}, "threshold"), ({"threshold": -0.1}, "threshold"),
        ({"prefix_ms": -1}, "prefix_padding_ms"), ({"prefix_ms": 10_001}, "prefix_padding_ms"),
        ({"silence_ms": 0}, "silence_duration_ms"), ({"silence_ms": 10_001}, "silence_duration_ms"),
    ],
)  # fmt: skip
def test_rules_out_of_range_are_refused_by_name(wrong: dict[str, int], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        TurnRules(**wrong)
    assert refused.value.param == param


SOME_RULES = st.builds(
    TurnRules,
    threshold=st.floats(0.1, 1),
    prefix_ms=st.integers(0, 400),
    silence_ms=st.integers(1, 600),
    least_ms=st.integers(1, 100),
    longest_ms=st.integers(400, 2_000),
)
SOME_SCORES = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0]), max_size=400)


@given(SOME_RULES, SOME_SCORES)
def test_turns_alternate_follow_one_another_and_are_never_too_long(rules: TurnRules, scores: list[float]) -> None:
    taker = TurnTaker(rules, 20)
    began: int | None = None
    last_end = 0
    for at, score in enumerate(scores):
        for event in taker.hear([score]):
            if isinstance(event, TurnBegan):
                assert began is None
                assert last_end <= event.start <= at
                began = event.start
            else:
                assert event.start == began
                assert event.start < event.end <= at + 1
                assert (event.end - event.start - 1) * 20 <= rules.longest_ms
                began, last_end = None, event.end
        assert last_end <= taker.wanted_from <= taker.now == at + 1


@given(SOME_RULES, SOME_SCORES, st.integers(1, 50))
def test_it_does_not_matter_in_which_pieces_scores_come(rules: TurnRules, scores: list[float], size: int) -> None:
    at_once = list(TurnTaker(rules, 20).hear(scores))
    taker = TurnTaker(rules, 20)
    pieces = [scores[at : at + size] for at in range(0, len(scores), size)]
    assert [event for piece in pieces for event in taker.hear(piece)] == at_once


@given(SOME_RULES, SOME_SCORES)
def test_a_turn_ends_after_enough_silence_whatever_came_before(rules: TurnRules, scores: list[float]) -> None:
    events = list(TurnTaker(rules, 20).hear([*scores, *[0.0] * 200]))
    assert not events or isinstance(events[-1], TurnEnded)


@given(SOME_RULES, SOME_SCORES)
def test_every_turn_holds_speech(rules: TurnRules, scores: list[float]) -> None:
    ended = [each for each in TurnTaker(rules, 20).hear([*scores, *[0.0] * 200]) if isinstance(each, TurnEnded)]
    assert all(max([*scores, *[0.0] * 200][each.start : each.end]) >= rules.threshold for each in ended)
