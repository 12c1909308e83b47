"""What clients ask for, and how they behave: drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

MODELS = ("steady", "left", "right")
# Of seeded requests there are so many a model: their solo answers are asked for before the storm.
SEEDED = 12
PATHS = {True: "/v1/chat/completions", False: "/v1/completions"}
WORDS = (
    "river",
    "of",
    "small",
    "stones",
    "runs",
    "past",
    "the",
    "old",
    "mill",
    "where",
    "nobody",
    "has",
    "lived",
    "since",
)


class Manner(StrEnum):
    """READS: to the end. SLOWLY: in small bites. LEAVES: hangs up at some moment, perhaps before the first byte.
    HALF: sends a part of its request and hangs up; SILENT: sends a part and waits.
    """

    READS = "reads"
    SLOWLY = "slowly"
    LEAVES = "leaves"
    HALF = "half"
    SILENT = "silent"


MANNERS = {Manner.READS: 70, Manner.SLOWLY: 8, Manner.LEAVES: 14, Manner.HALF: 7, Manner.SILENT: 1}


@dataclass(frozen=True, slots=True)
class Wish:
    """One request. seeded: its number among the seeded ones, whose answers are known; None for others. patience: of
    one that leaves, in seconds. share: of the request's bytes that are sent, by one that does not send all.
    """

    model: str
    manner: Manner
    chat: bool
    stream: bool
    prompt: str
    max_tokens: int
    temperature: float
    choices: int = 1
    seeded: int | None = None
    patience: float = 0.0
    share: float = 1.0

    @property
    def path(self) -> str:
        return PATHS[self.chat]

    def body(self) -> dict[str, Any]:
        asked = {"messages": [{"role": "user", "content": self.prompt}]} if self.chat else {"prompt": self.prompt}
        body = {
            "model": self.model,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "stream": self.stream,
            **asked,
        }
        if self.choices > 1:
            body["n"] = self.choices
        if self.seeded is not None:
            body["seed"] = self.seeded
        return body


def text(chance: Random, words: int) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(words))


def seeded(model: str, number: int, *, stream: bool = False, manner: Manner = Manner.READS) -> Wish:
    """The same for the same model and number, however it is read. Every fourth is a completion, every third has three
    choices.
    """
    chance = Random(f"{model} {number}")  # noqa: S311
    return Wish(
        model=model,
        manner=manner,
        chat=number % 4 != 3,
        stream=stream,
        prompt=text(chance, chance.choice((2, 12, 60))),
        max_tokens=chance.choice((4, 24, 64)),
        temperature=chance.choice((0.0, 0.7, 1.0)),
        choices=3 if number % 3 == 2 else 1,
        seeded=number,
    )


def drawn(chance: Random, *, silent: bool) -> Wish:
    """silent: it may be one that waits until the server's patience is at an end."""
    model = chance.choices(MODELS, (2, 1, 1))[0]
    manner = chance.choices(list(MANNERS), list(MANNERS.values()))[0]
    if manner is Manner.SILENT and not silent:
        manner = Manner.HALF
    stream = chance.random() < 0.6
    if manner in (Manner.READS, Manner.SLOWLY) and chance.random() < 0.3:
        return seeded(model, chance.randrange(SEEDED), stream=stream, manner=manner)
    return Wish(
        model=model,
        manner=manner,
        chat=chance.random() < 0.8,
        stream=stream,
        prompt=text(chance, chance.choice((1, 5, 40, 120))),
        max_tokens=chance.choice((1, 8, 40, 160)),
        temperature=chance.choice((0.0, 0.8)),
        choices=chance.choice((1, 1, 1, 1, 2)),
        patience=chance.choice((0.0, 0.02, 0.1, 0.5)),
        share=chance.uniform(0.05, 0.95),
    )
