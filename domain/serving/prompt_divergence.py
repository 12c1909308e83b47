"""Where a prompt leaves the nearest sequence of tokens that is remembered, and why no more of it is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.serving.picture_tokens import plain

SHOWN_TOKENS = 8
_STRIDE = 4_096


class Divergence(StrEnum):
    """How a prompt and the nearest remembered sequence part."""

    CACHE_OFF = "cache_off"
    NOTHING_REMEMBERED = "nothing_remembered"
    IDENTICAL = "identical"
    PROMPT_GOES_ON = "prompt_goes_on"
    PROMPT_ENDS = "prompt_ends"
    TOKENS_DIFFER = "tokens_differ"
    PICTURES_DIFFER = "pictures_differ"


class Loss(StrEnum):
    """Why less is used than agrees."""

    NONE = "none"
    LAST_TOKEN = "last_token"  # the last token of a prompt is always read  # noqa: S105
    FORGOTTEN = "forgotten"
    NO_SNAPSHOT = "no_snapshot"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class PromptDivergence:
    """matched_tokens: how many agree with the nearest sequence. prompt_next, remembered_next: at most SHOWN_TOKENS ids
    of each from there on. reusable_tokens: how many of the prompt would be taken from memory now; loss: why these are
    fewer than those that agree.
    """

    kind: Divergence
    prompt_tokens: int
    matched_tokens: int
    reusable_tokens: int
    loss: Loss
    prompt_next: tuple[int, ...] = ()
    remembered_next: tuple[int, ...] = ()

    @property
    def remembers(self) -> bool:
        """There is a nearest sequence."""
        return self.kind not in (Divergence.CACHE_OFF, Divergence.NOTHING_REMEMBERED)


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences of one kind (two tuples, two lists) have in common at their beginning."""
    length = min(len(one), len(other))
    start = 0
    while start < length and one[start : start + _STRIDE] == other[start : start + _STRIDE]:
        start += _STRIDE
    for at in range(min(start, length), min(start + _STRIDE, length)):
        if one[at] != other[at]:
            return at
    return min(start + _STRIDE, length)


def nearest(prompt: tuple[int, ...], remembered: Iterable[tuple[int, ...]]) -> tuple[int, tuple[int, ...] | None]:
    """The remembered sequence that agrees longest, the first of several, and how long; (0, None) without any."""
    best: tuple[int, tuple[int, ...] | None] = (0, None)
    for sequence in remembered:
        shared = common_length(prompt, sequence)
        if best[1] is None or shared > best[0]:
            best = (shared, sequence)
    return best


def divergence(
    prompt: tuple[int, ...], remembered: Iterable[tuple[int, ...]], reusable_tokens: int, loss: Loss
) -> PromptDivergence:
    """Tokens of pictures as picture_tokens marks them. loss: what stands in the way where fewer are reusable than
    agree; the last token is told apart here.
    """
    matched, sequence = nearest(prompt, remembered)
    kind = _kind(prompt, matched, sequence)
    if reusable_tokens >= matched:
        loss = Loss.NONE
    elif reusable_tokens == matched - 1 == len(prompt) - 1:
        loss = Loss.LAST_TOKEN
    return PromptDivergence(
        kind=kind,
        prompt_tokens=len(prompt),
        matched_tokens=matched,
        reusable_tokens=reusable_tokens,
        loss=loss,
        prompt_next=_shown(prompt, matched),
        remembered_next=() if sequence is None else _shown(sequence, matched),
    )


def _shown(sequence: tuple[int, ...], begin: int) -> tuple[int, ...]:
    return tuple(plain(token) for token in sequence[begin : begin + SHOWN_TOKENS])


def _kind(prompt: tuple[int, ...], matched: int, sequence: tuple[int, ...] | None) -> Divergence:
    if sequence is None:
        return Divergence.NOTHING_REMEMBERED
    if matched == len(prompt) == len(sequence):
        return Divergence.IDENTICAL
    if matched == len(sequence):
        return Divergence.PROMPT_GOES_ON
    if matched == len(prompt):
        return Divergence.PROMPT_ENDS
    pictures = prompt[matched] < 0 and sequence[matched] < 0
    return Divergence.PICTURES_DIFFER if pictures else Divergence.TOKENS_DIFFER
