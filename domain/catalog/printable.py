"""Names from the disk, fit for people's eyes and for JSON."""

from __future__ import annotations

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(name: str) -> str:
    """The name with everything replaced that is no character to show: control codes, undecodable bytes, line breaks."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(character if character.isprintable() else REPLACEMENT for character in name)
