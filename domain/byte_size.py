"""Sizes in bytes as people write them."""

from __future__ import annotations

import re

_SIZE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([kmgt]?i?b?)", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str) -> int:
    """Bytes: `0`, `4096`, `512MB` (decimal), `2GiB` (binary). Raises ValueError that says what would do."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError("must be a size such as 512MB, 2GiB or 0")
    unit = found[2].lower().removesuffix("b")
    base = 1024 if unit.endswith("i") else 1000
    letter = unit.removesuffix("i")
    if unit == "i":
        raise ValueError("must be a size such as 512MB, 2GiB or 0")
    return int(float(found[1]) * base ** _POWERS[letter])


def readable_size(count: int) -> str:
    """`512 B`, `1.5 MiB`, `12.0 GiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
