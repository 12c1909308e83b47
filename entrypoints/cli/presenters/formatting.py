"""Sizes and times for people."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ("kB", "MB", "GB", "TB", "PB")
_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_DAYS_SHOWN = 30
_BEYOND = 10**21
UNKNOWN = "—"


def size(size_bytes: int) -> str:
    """Decimal units, as disks are sold: `588 B`, `3.4 MB`, `4.61 GB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes >= _BEYOND:
        return "over 1,000,000 PB"
    value = float(size_bytes)
    for unit in _UNITS:
        value /= 1000
        if value < 999.5 or unit == _UNITS[-1]:
            break
    digits = 2 if unit in _UNITS[2:] and value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {unit}"


def when(moment: datetime, now: datetime) -> str:
    """How long ago, both UTC-aware; after 30 days, and for the future, the date."""
    seconds = int((now - moment).total_seconds())
    if seconds < 0 or seconds >= (_DAYS_SHOWN + 1) * 86_400:
        return moment.astimezone(UTC).strftime("%Y-%m-%d")
    for length, unit in _STEPS:
        count = seconds // length
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def shorten(text: str, columns: int) -> str:
    """At most so many characters, the last one an ellipsis when something was cut."""
    return text if len(text) <= columns else text[: columns - 1].rstrip() + "…"
