"""Which loaded models make room for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resident:
    """A loaded model. need_bytes: what it was expected to take. last_used: larger is later. busy: it is answering.
    pinned: it leaves for nobody. reload_seconds: what it takes to bring it back, 0 where nobody knows. turn_ends: the
    moment until which it may go on, in seconds of some clock; infinite while it is being loaded.
    """

    identity: str
    need_bytes: int
    last_used: int
    busy: bool
    pinned: bool = False
    reload_seconds: float = 0.0
    turn_ends: float = 0.0


def room_for(need_bytes: int, budget_bytes: int, residents: Sequence[Resident]) -> tuple[Resident, ...]:
    """The models that must leave before one of `need_bytes` may come, least recently used first, idle ones before busy.

    () when there is room. Nobody leaves whose place is not needed in the end, and where one model makes the room that
    else several would make, and comes back sooner than they, it leaves in their place. Pinned ones stay. A model larger
    than the whole budget is served alone: everything else leaves (whether it may run at all is MemoryPolicy's question,
    asked before); so the room may fall short.
    """
    excess = sum(resident.need_bytes for resident in residents) + need_bytes - budget_bytes
    movable = sorted((each for each in residents if not each.pinned), key=lambda each: (each.busy, each.last_used))
    oldest = _needed(movable, excess)
    alone = [each for each in movable if each.need_bytes >= excess > 0 and (not each.busy or _any_busy(oldest))]
    if alone and len(oldest) > 1:
        best = min(alone, key=lambda each: each.reload_seconds)
        if best.reload_seconds < sum(each.reload_seconds for each in oldest):
            return (best,)
    return oldest


def _needed(movable: Sequence[Resident], excess: int) -> tuple[Resident, ...]:
    """The first ones that free so many bytes, without those that the later ones make needless."""
    leaving: list[Resident] = []
    for resident in movable:
        if excess <= 0:
            break
        leaving.append(resident)
        excess -= resident.need_bytes
    for resident in reversed(leaving[:-1]):
        if excess + resident.need_bytes <= 0:
            leaving.remove(resident)
            excess += resident.need_bytes
    return tuple(leaving)


def _any_busy(residents: Sequence[Resident]) -> bool:
    return any(each.busy for each in residents)
