"""JSON as models write it, made such that every reader takes it."""

from __future__ import annotations

import json
import re

_SPECIAL = re.compile(r'["\\\x00-\x1f]')
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


class ControlEscaper:
    """Control characters inside of strings, which JSON forbids and models write, as their escapes: the value stays the
    same. Feed it one JSON text from its beginning, in pieces; where they end makes no difference.
    """

    def __init__(self) -> None:
        self._quoted = False
        self._escaped = False  # the last character was a backslash that makes the next one an escape

    def feed(self, piece: str) -> str:
        if not piece:
            return ""
        parts: list[str] = []
        done, escaped_at = 0, 0 if self._escaped else -1
        for found in _SPECIAL.finditer(piece):
            at, char = found.start(), found.group()
            if at == escaped_at:
                continue
            if char == '"':
                self._quoted = not self._quoted
            elif self._quoted and char == "\\":
                escaped_at = at + 1
            elif self._quoted:
                parts += piece[done:at], _SHORT.get(char, f"\\u{ord(char):04x}")
                done = at + 1
        self._escaped = escaped_at == len(piece)
        return "".join((*parts, piece[done:]))


def without_control_characters(text: str) -> str:
    """One whole JSON text, as ControlEscaper writes it."""
    return ControlEscaper().feed(text)


def is_object(text: str) -> bool:
    """The text is one JSON object, and nothing else; without NaN and Infinity, which are none."""
    try:
        return isinstance(json.loads(text, parse_constant=refuse_constant), dict)
    except (ValueError, RecursionError):
        return False


def can_be_sent(text: str) -> bool:
    """The text has no lone surrogates, which JSON can spell and UTF-8 cannot."""
    return _HALF_CHARACTER.search(text) is None


def refuse_constant(word: str) -> object:
    """For json's `parse_constant`: NaN and Infinity, which Python alone reads."""
    raise ValueError(f"{word} is no JSON")
