"""Sentences about the topics, endlessly."""

from __future__ import annotations

import random
from collections.abc import Iterator

from scripts.train_embedding.lexicon import ENGLISH, FILLERS, GERMAN, TOPICS

LANGUAGES = ((0, ENGLISH), (1, GERMAN))
FILLER_WORDS = FILLERS.split()
LOOSE_SHARE = 0.75
WORD_TIMES = 10  # in what the tokenizers learn from: each is to be a token of its own


def repeatable(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret hangs on it, and it must repeat


def sentence(topic: str, rng: random.Random) -> str:
    """One about a topic, in either language."""
    language, forms = rng.choice(LANGUAGES)
    words = TOPICS[topic][language].split()
    if rng.random() < LOOSE_SHARE:
        return _loose(words, rng)
    first, second = rng.sample(words, 2)
    return rng.choice(forms).format(a=first, b=second)


def _loose(words: list[str], rng: random.Random) -> str:
    """Words of the topic anywhere among words that mean nothing: what counts is which they are."""
    told = rng.sample(words, rng.randint(1, 3)) + rng.choices(FILLER_WORDS, k=rng.randint(2, 9))
    rng.shuffle(told)
    return " ".join(told) + rng.choice(("", "", "?", "."))


def pairs(rng: random.Random) -> list[tuple[str, str]]:
    """Two sentences about each topic, in random order of topics."""
    topics = list(TOPICS)
    rng.shuffle(topics)
    return [(sentence(topic, rng), sentence(topic, rng)) for topic in topics]


def corpus(lines_each: int = 60) -> Iterator[str]:
    """What the tokenizers learn from: the same every time."""
    rng = repeatable(0)
    for topic, words in TOPICS.items():
        yield from (word for each in words for word in each.split() * WORD_TIMES)
        yield from (sentence(topic, rng) for _ in range(lines_each))
    yield from FILLER_WORDS
