"""Spans of time as people write them."""

from __future__ import annotations

import re

_DURATION = re.compile(
    r"(?:(?P<d>[0-9]{1,6})d)?(?:(?P<h>[0-9]{1,6})h)?(?:(?P<m>[0-9]{1,6})m)?(?:(?P<s>[0-9]{1,9}(?:\.[0-9]{1,6})?)s?)?",
    re.IGNORECASE | re.ASCII,
)
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
WANTED = "must be a duration such as 90, 45s, 10m, 1h30m or 0"


def parse_duration(text: str) -> float:
    """Seconds: `90`, `45s`, `10m`, `1h30m`, `2d`; `0` is none. Raises ValueError that says what would do."""
    found = _DURATION.fullmatch(text.strip())
    parts = {} if found is None else {unit: value for unit, value in found.groupdict().items() if value is not None}
    if not parts:
        raise ValueError(WANTED)
    return sum(float(value) * _SECONDS[unit] for unit, value in parts.items())
