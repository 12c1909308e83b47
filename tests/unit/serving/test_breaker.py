"""Restart soon, then later, then not for a while."""

from __future__ import annotations

from itertools import pairwise

from domain.serving.breaker import (
    CLOSED,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MOST_DEATHS,
    WINDOW_SECONDS,
    Breaker,
)


def dead(times: int, at: float = 0.0) -> Breaker:
    breaker = CLOSED
    for _ in range(times):
        breaker = breaker.died(at)
    return breaker


def test_the_first_deaths_are_restarted_at_once_and_each_later_one_waits_twice_as_long() -> None:
    pauses = [dead(times).backoff_seconds(0.0) for times in range(MOST_DEATHS)]
    assert pauses[:3] == [0.0, 0.0, 0.0]
    assert all(later == 2 * earlier > 0 for earlier, later in pairwise(pauses[3:]))


def test_a_backoff_passes_with_time() -> None:
    assert dead(3).backoff_seconds(0.1) < dead(3).backoff_seconds(0.0)
    assert dead(3).backoff_seconds(100.0) == 0.0


def test_too_many_deaths_in_a_row_suspend_for_a_pause() -> None:
    assert not dead(MOST_DEATHS - 1).tripped
    breaker = dead(MOST_DEATHS)
    assert breaker.tripped
    assert breaker.suspended_seconds(0.0) == FIRST_PAUSE_SECONDS
    assert breaker.suspended_seconds(FIRST_PAUSE_SECONDS) == 0.0
    assert breaker.tripped, "until it answers"


def test_deaths_far_apart_suspend_nobody() -> None:
    breaker = CLOSED
    for times in range(50):
        breaker = breaker.died(times * WINDOW_SECONDS / (MOST_DEATHS - 1) + 1e-6 * times)
    assert not breaker.tripped


def test_an_answer_makes_all_good() -> None:
    assert dead(MOST_DEATHS - 1).answered().died(0.0) == CLOSED.died(0.0)
    assert dead(MOST_DEATHS).answered() == CLOSED


def test_a_trial_that_dies_doubles_the_pause_up_to_a_limit() -> None:
    breaker, now, pauses = dead(MOST_DEATHS), 0.0, []
    for _ in range(12):
        pauses.append(breaker.suspended_seconds(now))
        now += pauses[-1]
        assert breaker.backoff_seconds(now) == 0.0, "a trial has waited already"
        breaker = breaker.died(now)
    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_a_death_of_exactly_the_windows_age_is_forgotten() -> None:
    assert Breaker((0.0,)).died(WINDOW_SECONDS).deaths == (WINDOW_SECONDS,)
    assert Breaker((0.0,)).died(WINDOW_SECONDS - 1).deaths == (0.0, WINDOW_SECONDS - 1)


def test_one_that_is_not_suspended_waits_for_nothing() -> None:
    assert Breaker().suspended_seconds(1e9) == 0.0
    assert Breaker(until=5.0).suspended_seconds(2.0) == 3.0
    assert Breaker(until=5.0).suspended_seconds(9.0) == 0.0
