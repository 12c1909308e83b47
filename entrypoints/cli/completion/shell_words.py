"""Words as a shell writes them: read from a line that is not finished, and written so that no shell runs them."""

from __future__ import annotations

from dataclasses import dataclass

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@%+,:=-")
# What still means something inside a quote that the user has opened.
_LIVE = {"'": frozenset("'"), '"': frozenset('"$`\\!')}
_KEPT_IN_DOUBLE_QUOTES = frozenset('"$`\\')


@dataclass(frozen=True, slots=True)
class OpenLine:
    """words: the finished ones, unquoted. current: the one at the end, unquoted. quote: that it stands in, else ""."""

    words: tuple[str, ...]
    current: str
    quote: str


def read_line(line: str) -> OpenLine:
    """A command line up to the cursor, read as a shell would, without any expansion. Never raises."""
    words: list[str] = []
    word, quote = "", ""
    begun = escaped = False
    for character in line:
        if escaped:
            kept = quote == '"' and character not in _KEPT_IN_DOUBLE_QUOTES
            word, escaped = word + ("\\" + character if kept else character), False
        elif character == "\\" and quote != "'":
            begun = escaped = True
        elif quote:
            word, quote = (word, "") if character == quote else (word + character, quote)
        elif character in _LIVE:
            begun, quote = True, character
        elif not character.isspace():
            begun, word = True, word + character
        elif begun:
            words.append(word)
            word, begun = "", False
    return OpenLine(tuple(words), word, quote)


def unquoted(text: str) -> str:
    """One word without its quotes, which may still be open."""
    line = read_line(text)
    return " ".join((*line.words, line.current))


def written(text: str, quote: str = "") -> str | None:
    """Printable text as a bash word that means exactly it, or to stand behind an open `quote`; None if it cannot."""
    if quote:
        return None if _LIVE[quote] & set(text) else text
    return "".join(
        character if character in _PLAIN or not character.isascii() else f"\\{character}" for character in text
    )
