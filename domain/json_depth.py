"""How deeply nested JSON from outside may be."""

from __future__ import annotations

# Far beyond what anybody writes, and far from where walking it by recursion ends.
MOST_LEVELS = 200


def too_deep(value: object) -> bool:
    """Whether more than MOST_LEVELS objects and arrays stand in one another."""
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        holders = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        if not holders:
            return False
        level = [inner for each in holders for inner in each]
    return True
