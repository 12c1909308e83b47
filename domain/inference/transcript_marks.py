"""Finding marks in text that comes in pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence


class Words:
    """Strings to look for: marks, and stop strings. Immutable.

    The one that begins first counts; of several that begin together the longest mark, and a mark before a stop string.
    """

    def __init__(self, marks: Sequence[str], stops: Sequence[str] = ()) -> None:
        self._ranked = (*sorted(dict.fromkeys(marks), key=len, reverse=True), *stops)
        beginnings = "".join(sorted({re.escape(word[0]) for word in self._ranked}))
        self._beginning = re.compile(f"[{beginnings}]") if beginnings else None

    def none_begins_in(self, text: str) -> bool:
        """No word can begin in this text: the quick test that most pieces pass."""
        return self._beginning is None or self._beginning.search(text) is None

    def find(self, text: str, *, final: bool) -> tuple[int, str | None]:
        """How much of the text belongs to no word, and the word that stands there; None while that is open.

        final: no more text comes, so that nothing is held back for what it might become.
        """
        if self.none_begins_in(text):
            return len(text), None
        at, found = len(text), None
        for word in self._ranked:
            place = text.find(word)
            if 0 <= place < at:
                at, found = place, word
        if final:
            return at, found
        undecided = min((self._open_from(text, word) for word in self._ranked), default=len(text))
        if found is None or undecided < at:
            return undecided, None
        if undecided == at and self._better_may_come(text[at:], found):
            return at, None
        return at, found

    def _better_may_come(self, text: str, found: str) -> bool:
        better = self._ranked[: self._ranked.index(found)]
        return any(len(word) > len(text) and word.startswith(text) for word in better)

    @staticmethod
    def _open_from(text: str, word: str) -> int:
        """Where the longest end of `text` begins that is a true beginning of `word`."""
        first = max(0, len(text) - len(word) + 1)
        while (first := text.find(word[0], first)) >= 0:
            if word.startswith(text[first:]):
                return first
            first += 1
        return len(text)


class Trimmed:
    """A text without the whitespace at both its ends, piece by piece. begun: something else has come."""

    def __init__(self) -> None:
        self.begun = False
        self._held: list[str] = []

    def add(self, text: str) -> str:
        """What is now certain to stay."""
        if not self.begun:
            text = text.lstrip()
            self.begun = bool(text)
        body = text.rstrip()
        if not body:
            self._held.append(text)
            return ""
        shown = "".join((*self._held, body))
        self._held = [text[len(body) :]]
        return shown
