"""Prompts of a given length that no two requests share."""

from __future__ import annotations

from domain.inference.row_key import row_key

WORDS = (
    "river",
    "stone",
    "window",
    "garden",
    "letter",
    "market",
    "winter",
    "silver",
    "bridge",
    "candle",
    "forest",
    "harbour",
    "island",
    "kettle",
    "ladder",
    "meadow",
    "needle",
    "orchard",
    "pencil",
    "quarry",
    "ribbon",
    "saddle",
    "timber",
    "umbrella",
    "valley",
    "wagon",
    "yellow",
    "anchor",
    "basket",
    "copper",
)


def filler(words: int, seed: int) -> str:
    """So many words, drawn by the seed: the same every time, different from the first word on for most other seeds."""
    return " ".join(WORDS[row_key(seed, at) % len(WORDS)] for at in range(words))


def words_for(tokens: int, few: tuple[int, int], many: tuple[int, int]) -> int:
    """How many words make a prompt of about so many tokens, at least one. few, many: two measured prompts, each as
    (words, tokens); what a template adds is the same for both.
    """
    per_word = max((many[1] - few[1]) / (many[0] - few[0]), 0.01)
    return max(1, round(few[0] + (tokens - few[1]) / per_word))
