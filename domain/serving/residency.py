"""Which loaded models make room for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resident:
    """A loaded model. need_bytes: what it was expected to take. last_used: larger is later. busy: it is
    answering."""

    identity: str
    need_bytes: int
    last_used: int
    busy: bool


def room_for(need_bytes: int, budget_bytes: int, residents: Sequence[Resident]) -> tuple[Resident, ...]:
    """The models that must leave before one of `need_bytes` may come, least recently used first, idle ones before busy.

    () when there is room. A model larger than the whole budget is served alone: everything else leaves (whether it may
    run at all is MemoryPolicy's question, asked before).
    """
    leaving: list[Resident] = []
    used = sum(resident.need_bytes for resident in residents)
    for resident in sorted(residents, key=lambda each: (each.busy, each.last_used)):
        if used + need_bytes <= budget_bytes:
            break
        leaving.append(resident)
        used -= resident.need_bytes
    return tuple(leaving)
