"""A long text, cut where a speaker would breathe, so that a model says one bounded piece at a time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MOST_CHARACTERS = 240  # of a piece: some fifteen seconds of speech
WANTED_CHARACTERS = 60  # what is shorter is said together with what follows, where both fit

# The end of a sentence: its mark, what closes around it, and white space; scripts that write no spaces need none.
_SENTENCE = re.compile(
    r"(?<=[.!?\u2026])[\"'\u2019\u201d\u00bb)\]]*\s+|(?<=[\u3002\uff01\uff1f])[\u201d\u300d\u300f]*\s*"
)
_LINE = re.compile(r"[\r\n\u2028\u2029]+")
_CLAUSE = re.compile(r"[,;:\u2013\u2014)\]]\s+|[\uff0c\u3001\uff1b\uff1a]\s*")
_SPACE = re.compile(r"\s+")
_SHORTENED = re.compile(
    r"(?:^|[\s(\"'])(?:[^\W\d_]|mr|mrs|ms|dr|prof|st|vs|no|nr|etc|ca|e\.g|i\.e|z\.b|d\.h|p\.ex)\.$", re.IGNORECASE
)


def speech_pieces(text: str, most: int = MOST_CHARACTERS) -> tuple[str, ...]:
    """The text in pieces of at most `most` characters (at least 8), in its order: all of it but white space, which
    becomes one space inside a piece and nothing around it. A piece ends with a line or a sentence; where one of those
    is too long, after a clause, else after a word, else within one, never between a letter and its marks.

    () for a text that has nothing but white space.
    """
    pieces: list[str] = []
    for line in _LINE.split(text):
        begun = ""  # never goes over a line's end
        for sentence in _sentences(_SPACE.sub(" ", line).strip()):
            for part in _bounded(sentence, most):
                together = f"{begun} {part}" if begun else part
                if begun and len(together) > most:
                    pieces.append(begun)
                    together = part
                begun = together
                if len(begun) >= WANTED_CHARACTERS:
                    pieces.append(begun)
                    begun = ""
        if begun:
            pieces.append(begun)
    return tuple(pieces)


def _sentences(line: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE.finditer(line):
        sentence = line[start : end.end()].strip()
        if not sentence or _SHORTENED.search(sentence):
            continue
        yield sentence
        start = end.end()
    if rest := line[start:].strip():
        yield rest


def _bounded(sentence: str, most: int) -> Iterator[str]:
    while len(sentence) > most:
        at = _cut(sentence, most)
        yield sentence[:at].rstrip()
        sentence = sentence[at:].lstrip()
    if sentence:
        yield sentence


def _cut(sentence: str, most: int) -> int:
    """Where the first part ends: from 1 to `most`."""
    for mark in (_CLAUSE, _SPACE):
        ends = [
            found.end()
            for found in mark.finditer(sentence, 0, most + 1)
            if len(sentence[: found.end()].rstrip()) <= most
        ]
        if ends and ends[-1] > most // 4:
            return ends[-1]
    at = most
    while at > 1 and _belongs(sentence[at]):
        at -= 1
    return at if at > 1 else most


def _belongs(character: str) -> bool:
    """To the letter before it: an accent, a vowel sign, a joiner."""
    return unicodedata.combining(character) != 0 or unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")
