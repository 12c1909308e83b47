"""How well a transcript agrees with what was said: to the letter for the trained miniature, by its words for others."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from tests.support.portfolio import PortfolioModel

ENOUGH = 0.6  # of the words: synthetic voices are hard for small models


def agrees(heard: str, said: str, model: PortfolioModel) -> bool:
    """heard: the transcript. said: the text that was read aloud."""
    if model.miniature:
        return heard.strip() == said
    matcher = SequenceMatcher(a=_words(said), b=_words(heard), autojunk=False)
    return matcher.ratio() >= ENOUGH


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
