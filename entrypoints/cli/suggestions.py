"""Did you mean ...?"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest known spelling, or None when nothing is close."""
    from difflib import get_close_matches  # slow to import, and only a mistake needs it

    close = get_close_matches(word.lower()[:64], list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else None
