"""Words with their times, into the segments that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.inference.transcription import HeardWord, Segment


@dataclass(frozen=True, slots=True)
class TimedToken:
    """A word as it was aligned. tokens: how many of the model's it has. start, end: seconds."""

    text: str
    tokens: int
    start: float
    end: float
    probability: float


def worded(segments: Sequence[Segment], counts: Sequence[int], words: Sequence[TimedToken]) -> list[Segment]:
    """counts: tokens of words in each segment; the words stand in their order. A word belongs to the segment in which
    its first token is. Times never go back and stay within the segment.
    """
    found: list[Segment] = []
    at = taken = border = 0
    for segment, count in zip(segments, counts, strict=True):
        border += count
        mine: list[HeardWord] = []
        earliest = segment.start
        while at < len(words) and taken < border:
            word = words[at]
            start = min(max(word.start, earliest), segment.end)
            earliest = min(max(word.end, start), segment.end)
            mine.append(HeardWord(word.text, start, earliest, word.probability))
            taken += word.tokens
            at += 1
        found.append(replace(segment, words=tuple(mine)))
    return found
