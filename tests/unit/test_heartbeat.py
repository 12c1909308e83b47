"""When an engine counts as stuck, and when it is given up."""

from __future__ import annotations

import pytest

from domain.serving.heartbeat import Condition, Heartbeat, HeartLimits, complaint, condition
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals

LIMITS = HeartLimits(silence_seconds=10.0, steps=5.0, preparing_seconds=20.0, patience=3.0)


def told(step_seconds: float = 0.25, preparing_seconds: float = 0.0) -> EngineVitals:
    return EngineVitals(EnginePulse(), EngineTotals(), step_seconds, preparing_seconds=preparing_seconds)


def silent(seconds: float, step_seconds: float = 0.25) -> Heartbeat:
    return Heartbeat().answered(told(step_seconds)).asked_again().later(seconds, most=seconds)


@pytest.mark.parametrize(
    ("seconds", "step_seconds", "expected"),
    [
        (10.0, 0.25, Condition.WELL),
        (10.1, 0.25, Condition.STUCK),
        (30.0, 0.25, Condition.STUCK),
        (30.1, 0.25, Condition.HUNG),
        (40.0, 8.0, Condition.WELL),
        (40.1, 8.0, Condition.STUCK),
        (120.1, 8.0, Condition.HUNG),
    ],
)
def test_the_limit_is_the_larger_of_ten_seconds_and_five_steps(
    seconds: float, step_seconds: float, expected: Condition
) -> None:
    assert condition(silent(seconds, step_seconds), LIMITS) is expected


def test_an_engine_that_was_asked_nothing_is_well_however_long_it_says_nothing() -> None:
    assert condition(Heartbeat().later(1e6, most=1e6), LIMITS) is Condition.WELL


def test_an_answer_ends_the_silence() -> None:
    assert condition(silent(99).answered(told()), LIMITS) is Condition.WELL


def test_asking_again_does_not() -> None:
    assert condition(silent(11).asked_again(), LIMITS) is Condition.STUCK


def test_a_front_that_was_held_up_itself_blames_nobody() -> None:
    held_up = Heartbeat().asked_again().later(3600.0, most=3.0)
    assert condition(held_up, LIMITS) is Condition.WELL


@pytest.mark.parametrize(
    ("seconds", "expected"), [(20.0, Condition.WELL), (20.1, Condition.STUCK), (60.1, Condition.HUNG)]
)
def test_one_request_that_never_gets_past_its_template_is_as_bad(seconds: float, expected: Condition) -> None:
    heartbeat = Heartbeat().answered(told(preparing_seconds=seconds))
    assert condition(heartbeat, LIMITS) is expected
    assert heartbeat.unsettled


def test_the_complaint_names_what_is_wrong() -> None:
    assert complaint(silent(12.4), LIMITS) == "has not answered for 12 s"
    preparing = Heartbeat().answered(told(preparing_seconds=33.3))
    assert complaint(preparing, LIMITS) == "has been in one request's template or tokenizer for 33 s"


def test_what_has_lasted_just_as_long_as_it_may_is_no_complaint_of_its_own() -> None:
    at_the_limit = Heartbeat(11.0, asked=True, last=told(preparing_seconds=20.0))
    assert complaint(at_the_limit, LIMITS) == "has not answered for 11 s"
