"""What a health rule says when it is not satisfied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_NAMES = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """reason: the exact words users see. absent: something is not there (yet), as opposed to damaged."""

    reason: str
    absent: bool = False


def absent(reason: str) -> Fault:
    return Fault(reason, absent=True)


def broken(reason: str) -> Fault:
    return Fault(reason)


def listed(names: Iterable[str]) -> str:
    """Names for a reason, at most ten of them."""
    all_names = sorted(names)
    shown = ", ".join(all_names[:MAX_NAMES])
    rest = len(all_names) - MAX_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown
