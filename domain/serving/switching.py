"""When one model makes way for another.

Two models that do not fit together take turns. A turn lasts at least TURN_SWITCHES times what it costs to switch there
and back, so that at most a third of the time is spent on switching; within it the model serves all who come, whoever
waits for another. Then it drains, and whoever has waited longest gets the next turn. A model that nobody has asked for
a moment gives its turn away early; the moment (LINGER_SHARE of a switch) is for clients that ask one thing after
another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from domain.serving.residency import Resident, room_for

TURN_SWITCHES = 2.0
LINGER_SHARE = 0.25
LONGEST_LINGER_SECONDS = 2.0
NEWEST_SHARE = 0.3


def averaged(average: float | None, seconds: float) -> float:
    """What loading a model takes, after it has just taken `seconds`: newer loads count more."""
    return seconds if average is None else average + NEWEST_SHARE * (seconds - average)


def switch_seconds(own: float | None, other: float | None) -> float:
    """What it costs to give a turn away and get it back: one load of either model. One whose load has never been
    measured is taken to cost what the other does.
    """
    known = [each for each in (own, other) if each is not None]
    return 2 * sum(known) / len(known) if known else 0.0


def turn_ends(ready_at: float, idle_since: float | None, cost_seconds: float) -> float:
    """Until when a model may go on. ready_at: since when it is loaded. idle_since: None while it answers. cost_seconds:
    of the switch that would end its turn.
    """
    end = ready_at + TURN_SWITCHES * cost_seconds
    if idle_since is None:
        return end
    return min(end, idle_since + min(LINGER_SHARE * cost_seconds, LONGEST_LINGER_SECONDS))


@dataclass(frozen=True, slots=True)
class Switch:
    """leaving: those that must leave now; with none, and nothing to wait for, there is room. at: look again then, None
    when nothing but an event can change the answer. fits: there is room. too_large: the pinned models that leave no
    room, ever.
    """

    fits: bool = False
    leaving: tuple[Resident, ...] = ()
    at: float | None = None
    too_large: tuple[Resident, ...] = ()


ROOM = Switch(fits=True)


def switch(need_bytes: int, budget_bytes: int, residents: Sequence[Resident], now: float) -> Switch:
    """What must happen before a model of `need_bytes` may be loaded."""
    leaving = room_for(need_bytes, budget_bytes, residents)
    pinned = tuple(each for each in residents if each.pinned)
    if pinned and sum(each.need_bytes for each in pinned) + need_bytes > budget_bytes:
        return Switch(too_large=pinned)
    if not leaving:
        return ROOM
    ends = sorted({each.turn_ends for each in residents if not each.pinned and each.turn_ends > now})
    for moment in (now, *ends):
        if moment == math.inf:
            break
        held = [each for each in residents if each.pinned or each.turn_ends > moment]
        free = [each for each in residents if not each.pinned and each.turn_ends <= moment]
        if _makes_room(need_bytes, budget_bytes, held, free):
            room_bytes = budget_bytes - sum(each.need_bytes for each in held)
            return Switch(leaving=room_for(need_bytes, room_bytes, free)) if moment == now else Switch(at=moment)
    return Switch()


def _makes_room(need_bytes: int, budget_bytes: int, held: Sequence[Resident], free: Sequence[Resident]) -> bool:
    """Whether there is room once all the free ones have left; a model that is larger than the budget wants all to."""
    held_bytes = sum(each.need_bytes for each in held)
    return bool(free) and (held_bytes + need_bytes <= budget_bytes or not held)
