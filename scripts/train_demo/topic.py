"""The shape of one thing the demo model knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """One answer and the ways to ask for it.

    `question` and `paraphrases` are trained on. `held_out` is never trained on: it measures what the model makes
    of a wording it has not seen. `follow_ups` only make sense after another turn, and are trained on only there.
    """

    question: str
    answer: str
    paraphrases: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    follow_ups: tuple[str, ...] = ()
