"""Stop strings over a stream of text pieces."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Cuts a stream before the earliest stop string, and never lets the beginning of one slip out.

    Text that might be the start of a stop string is held back until the next piece decides; so is a stop string inside
    the possible start of a longer, earlier one. The joined output is the same however the input is cut into pieces.
    Not thread-safe: one owner.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(stop)
        self._held = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """The text that is now safe to show. After a stop string everything is dropped."""
        if self.stopped:
            return ""
        text = self._held + piece
        cut = self._earliest(text)
        open_from = len(text) - max((_overlap(text, word) for word in self._stop), default=0)
        if 0 <= cut <= open_from:
            self._held, self.stopped = "", True
            return text[:cut]
        self._held = text[open_from:]
        return text[:open_from]

    def finish(self) -> str:
        """What was held back and turned out to be no stop string. `stopped` is final after this."""
        rest, self._held = self._held, ""
        cut = self._earliest(rest)
        if cut >= 0:
            self.stopped = True
            return rest[:cut]
        return rest

    def _earliest(self, text: str) -> int:
        return min((at for word in self._stop if (at := text.find(word)) >= 0), default=-1)


def _overlap(text: str, word: str) -> int:
    """Length of the longest end of `text` that is a true beginning of `word`."""
    for size in range(min(len(text), len(word) - 1), 0, -1):
        if text.endswith(word[:size]):
            return size
    return 0
