"""Text cut into vocabulary entries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.miniatures.tokens import spelled


@dataclass(frozen=True, slots=True)
class Cuts:
    """answers: each as names of vocabulary entries. pieces: the entries that must be made, each used once."""

    answers: list[list[str]]
    pieces: list[str]


def cut(answers: Sequence[str | bytes], special: Sequence[str], stop: str, bytes_per_token: int) -> Cuts:
    """Marks stay whole. The text between them becomes pieces of at least `bytes_per_token` bytes, each longer than that
    until no other piece is the same; what is left of one byte before a mark or the end joins the piece before it. An
    answer that ends without a stop token gets `stop`.
    """
    if bytes_per_token < 2:
        raise ValueError(
            f"a piece has at least two bytes, got {bytes_per_token}: single bytes are what prompts are made of"
        )
    seen: set[str] = set()
    cuts = [_cut_one(answer, special, bytes_per_token, seen) for answer in answers]
    return Cuts([each if each and each[-1] == stop else [*each, stop] for each in cuts], sorted(seen))


def _cut_one(answer: str | bytes, special: Sequence[str], least: int, seen: set[str]) -> list[str]:
    text = answer if isinstance(answer, bytes) else answer.encode()
    marks = b"|".join(re.escape(mark.encode()) for mark in sorted(special, key=len, reverse=True))
    tokens: list[str] = []
    for part in re.split(b"(" + marks + b")", text):
        name = part.decode(errors="replace")
        tokens += [name] if name in special else _cut_plain(part, least, seen)
    return tokens


def _cut_plain(text: bytes, least: int, seen: set[str]) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(text):
        end = at + least
        while end < len(text) and spelled(text[at:end]) in seen:
            end += 1
        if len(text) - end < least:
            end = len(text)
        token = spelled(text[at:end])
        tokens.append(token)
        if end - at > 1:
            seen.add(token)
        at = end
    return tokens
