"""Numbers from files that anybody may have written."""

from __future__ import annotations

MAX_NUMBER = 2**63 - 1


def whole_number(value: object) -> int | None:
    """An integer of at most 64 bits; None for anything else. Larger ones mean nothing and cannot even be printed."""
    if isinstance(value, int) and not isinstance(value, bool) and -MAX_NUMBER <= value <= MAX_NUMBER:
        return value
    return None
