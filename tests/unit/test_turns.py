"""Whose turn it is among live sounds and files."""

from __future__ import annotations

from domain.inference.turns import Turns


def served(turns: Turns, count: int) -> list[int]:
    found = []
    for _ in range(count):
        job_id = turns.next()[0]
        turns.served(job_id)
        found.append(job_id)
    return found


def test_equals_take_turns() -> None:
    turns = Turns()
    for job_id in (1, 2, 3):
        turns.add(job_id, live=False)
    assert served(turns, 6) == [1, 2, 3, 1, 2, 3]


def test_those_who_speak_get_three_turns_for_each_of_a_file() -> None:
    turns = Turns()
    turns.add(1, live=False)
    turns.add(2, live=True)
    assert served(turns, 8) == [2, 2, 2, 1, 2, 2, 2, 1]


def test_a_file_alone_gets_every_turn_and_nobody_gets_none() -> None:
    turns = Turns()
    assert turns.next() == ()
    turns.add(1, live=False)
    assert served(turns, 3) == [1, 1, 1]
    turns.drop(1)
    turns.drop(7)
    assert turns.next() == ()


def test_a_turn_is_of_one_kind_with_who_has_waited_longest_first() -> None:
    turns = Turns()
    for job_id in (1, 2):
        turns.add(job_id, live=True)
    turns.add(3, live=False)
    turns.served(1)
    assert turns.next() == (2, 1)
