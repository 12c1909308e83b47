"""How long a text is for a tokenizer at least."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_RUNS = re.compile(r"\s{2,}|(\S)\1+")


@dataclass(frozen=True, slots=True)
class TextLength:
    """characters: composed, because some tokenizers compose accents first. without_runs: of these one that is repeated
    counts once, and so does a run of whitespace; a vocabulary may have tokens for long runs of spaces or dashes.

    Of a text both are at most the sums over its parts.
    """

    characters: int
    without_runs: int


def text_length(text: str) -> TextLength:
    composed = unicodedata.normalize("NFC", text)
    repeated = sum(len(found.group()) - 1 for found in _RUNS.finditer(composed))
    return TextLength(len(composed), len(composed) - repeated)
