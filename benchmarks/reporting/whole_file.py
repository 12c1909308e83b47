"""Text files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(place: Path, text: str) -> None:
    """Replaces what is there. Raises OSError."""
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(place)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
