"""Who leaves for whom, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.serving.residency import Resident, room_for
from domain.serving.switching import (
    LINGER_SHARE,
    ROOM,
    TURN_SWITCHES,
    averaged,
    switch,
    switch_seconds,
    turn_ends,
)


def resident(name: str, need: int = 40, *, used: int = 0, busy: bool = False, **facts: float) -> Resident:
    return Resident(name, need, used, busy, **facts)  # type: ignore[arg-type]


def names(residents: tuple[Resident, ...]) -> list[str]:
    return [each.identity for each in residents]


# Who makes room


def test_the_least_recently_used_leave_first_and_idle_ones_before_busy() -> None:
    old_busy, new, newer = resident("a", used=1, busy=True), resident("b", used=2), resident("c", used=3)
    assert names(room_for(40, 120, [newer, old_busy, new])) == ["b"]
    assert names(room_for(80, 120, [newer, old_busy, new])) == ["b", "c"]


def test_nobody_leaves_whose_place_is_not_needed() -> None:
    small = [resident(f"s{number}", 5, used=number) for number in range(10)]
    assert names(room_for(60, 110, [*small, resident("big", 60, used=10)])) == ["big"]


def test_one_that_comes_back_sooner_leaves_in_place_of_many() -> None:
    small = [resident(f"s{number}", 6, used=number, reload_seconds=2.0) for number in range(10)]
    big = resident("big", 60, used=99, reload_seconds=5.0)
    assert names(room_for(60, 120, [*small, big])) == ["big"]
    slow = resident("big", 60, used=99, reload_seconds=50.0)
    assert len(room_for(60, 120, [*small, slow])) == 10
    answering = resident("big", 60, used=99, reload_seconds=5.0, busy=True)
    assert "big" not in names(room_for(60, 120, [*small, answering]))


def test_pinned_ones_stay_whoever_comes() -> None:
    assert names(room_for(500, 100, [resident("a", used=1, pinned=True), resident("b", used=2)])) == ["b"]


def test_a_model_that_pinned_ones_leave_no_room_for_is_told_which() -> None:
    verdict = switch(70, 100, [resident("a", pinned=True), resident("b")], 0.0)
    assert names(verdict.too_large) == ["a"]
    assert switch(60, 100, [resident("a", pinned=True), resident("b")], 0.0).leaving


residents_lists = st.lists(
    st.builds(
        Resident,
        identity=st.uuids().map(str),
        need_bytes=st.integers(1, 50),
        last_used=st.integers(0, 20),
        busy=st.booleans(),
        pinned=st.booleans(),
        reload_seconds=st.floats(0, 100),
        turn_ends=st.one_of(st.floats(0, 100), st.just(math.inf)),
    ),
    max_size=8,
)


@given(st.integers(1, 200), st.integers(1, 300), residents_lists)
def test_enough_leave_and_none_of_them_needlessly(need: int, budget: int, residents: list[Resident]) -> None:
    leaving = room_for(need, budget, residents)
    assert not any(each.pinned for each in leaving)
    rest = sum(each.need_bytes for each in residents if each not in leaving)
    fits = rest + need <= budget
    assert fits or len(leaving) == sum(not each.pinned for each in residents)
    if fits:
        assert all(rest + each.need_bytes + need > budget for each in leaving)


@given(st.integers(1, 200), st.integers(1, 300), residents_lists, st.floats(0, 100))
def test_nobody_is_sent_away_before_the_end_of_a_turn_and_waiting_has_an_end(
    need: int, budget: int, residents: list[Resident], now: float
) -> None:
    verdict = switch(need, budget, residents, now)
    assert all(each.turn_ends <= now and not each.pinned for each in verdict.leaving)
    if verdict.at is not None:
        assert verdict.at > now
        then = switch(need, budget, residents, verdict.at)
        assert then.leaving
    elif not (verdict.fits or verdict.leaving or verdict.too_large):
        assert any(each.turn_ends == math.inf for each in residents), "only a model that is being loaded"


# How long a turn is


def test_a_turn_lasts_a_multiple_of_what_the_switches_cost() -> None:
    assert turn_ends(10.0, None, 3.0) == 10.0 + TURN_SWITCHES * 3.0
    assert TURN_SWITCHES >= 1


def test_a_model_that_nobody_asks_gives_its_turn_away_after_a_moment() -> None:
    assert turn_ends(10.0, 11.0, 4.0) == 11.0 + LINGER_SHARE * 4.0
    assert turn_ends(10.0, 17.9, 4.0) == 18.0, "a moment never makes a turn longer"


def test_what_nobody_has_measured_costs_what_the_other_does() -> None:
    assert switch_seconds(None, None) == 0.0
    assert switch_seconds(3.0, None) == switch_seconds(None, 3.0) == switch_seconds(3.0, 3.0) == 6.0
    assert switch_seconds(2.0, 4.0) == 6.0


def test_newer_loads_count_more() -> None:
    assert averaged(None, 5.0) == 5.0
    assert 5.0 < averaged(5.0, 10.0) < 7.5


def test_a_model_without_neighbours_comes_at_once() -> None:
    assert switch(500, 100, [], 0.0) == ROOM


# Two or more models that do not fit together, each asked again and again

ROUNDING = 1 + 1e-9  # of sums of many floats


@dataclass
class Simulated:
    """One place for one model; each answer takes `answer` seconds, as many at once as come."""

    loads: dict[str, float]
    answer: float
    now: float = 0.0
    held: str | None = None
    ready_at: float = 0.0
    switches: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def run(self, rounds: int) -> None:
        """Every model always has a request that waits: the heaviest demand there can be."""
        line = [(name, 0.0) for name in self.loads]
        for _ in range(rounds * len(self.loads)):
            name, since = line.pop(0)
            self.serve(name)
            self.waits.append(self.now - since)
            line.append((name, self.now))

    def serve(self, name: str) -> None:
        if self.held is not None:
            self.drain(name)
        self.now += self.loads[name]
        self.switches.append(self.now)
        self.held, self.ready_at = name, self.now

    def drain(self, coming: str) -> None:
        """The model that is here goes on until its turn is over; then its last answer ends."""
        assert self.held is not None
        cost = switch_seconds(self.loads[self.held], self.loads[coming])
        while True:
            ends = turn_ends(self.ready_at, None, cost)
            verdict = switch(60, 100, [resident(self.held, 60, busy=True, turn_ends=ends)], self.now)
            self.now += self.answer if verdict.leaving else self.answer * max(1, (ends - self.now) // self.answer)
            if verdict.leaving:
                return


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.1, 30.0), min_size=2, max_size=5),
    st.floats(0.05, 20.0),
)
def test_nobody_starves_and_at_most_a_part_of_the_time_is_spent_on_switching(loads: list[float], answer: float) -> None:
    world = Simulated({f"m{number}": seconds for number, seconds in enumerate(loads)}, answer)
    world.run(rounds=8)
    most = max(loads)
    longest_turn = TURN_SWITCHES * 2 * most + 2 * answer
    assert max(world.waits) <= len(loads) * (longest_turn + most) * ROUNDING
    shortest_turn = TURN_SWITCHES * 2 * min(loads)
    assert len(world.switches) <= world.now / shortest_turn * ROUNDING + 1
    spent = sum(loads) * (len(world.switches) / len(loads) + 1)
    assert spent <= world.now / (1 + TURN_SWITCHES) * 1.1 + 2 * sum(loads)
