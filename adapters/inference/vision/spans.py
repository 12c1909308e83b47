"""Which of a prompt's tokens belong to which picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Span = tuple[int, int]


def picture_spans(
    tokens: Sequence[int], image_token: int, count: int, told: Sequence[int] | None, alone: Callable[[int], int]
) -> tuple[Span, ...] | None:
    """From each picture's first token up to behind its last, with what the model writes between its parts. count: of
    the pictures. told: how many tokens each has, where the processor says so. alone: how many a picture, by its place
    among them, has in a prompt of its own; it is asked only where nothing else tells. None where it cannot be known.
    """
    places = [at for at, token in enumerate(tokens) if token == image_token]
    if count == 1:
        return cut(places, [len(places)])
    if told is not None and sum(told) == len(places):
        return cut(places, told)
    runs = _runs(places)
    if len(runs) == count and len(set(runs)) == 1:
        return cut(places, runs)
    lengths = [alone(which) for which in range(count)]
    return cut(places, lengths) if sum(lengths) == len(places) else None


def cut(places: Sequence[int], lengths: Sequence[int]) -> tuple[Span, ...] | None:
    """Spans of so many places each. None for one without any."""
    spans: list[Span] = []
    at = 0
    for length in lengths:
        if length < 1:
            return None
        spans.append((places[at], places[at + length - 1] + 1))
        at += length
    return tuple(spans)


def _runs(places: Sequence[int]) -> list[int]:
    """How many places follow one another, time and again."""
    lengths: list[int] = []
    for at, place in enumerate(places):
        if at and place == places[at - 1] + 1:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths
