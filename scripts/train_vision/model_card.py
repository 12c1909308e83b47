"""The README that lies beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scripts.train_vision.checkpoint import Score

_CARD: Final = """---
license: apache-2.0
language: en
library_name: mlx
pipeline_tag: image-text-to-text
tags:
- mlx
- vision
---

# The vision model of the tests

It sees one to three circles, squares or triangles of one colour (red, green, blue, yellow, black, white) on grey, and
answers the questions below about them, in one picture, two or three. The tests ask it through the command line and the
server what they can compare word for word. It is of no other use.

A Qwen2-VL of {parameters:,} parameters in bfloat16, ChatML template, context of {context:,} tokens, byte-level BPE. It
reads some 3,000 pixels of a picture, as 12 to 16 tokens. Trained from random weights (seed {seed}) on drawings and
answers that `python -m scripts.train_vision` makes: first the vision tower by itself, then conversations, at the end
with what mlxk writes before pictures (numbers, and where, when and with what they were taken). `make models` makes it
again and proves its answers. Weights, drawings and texts are our own, under the licence of the sources (Apache-2.0).

Greedy answers of these files to drawings that it never saw, right word for word:

| question | right | with notes before the pictures |
|---|---|---|
{rows}
"""


def model_card(parameters: int, context: int, seed: int, plain: Mapping[str, Score], noted: Mapping[str, Score]) -> str:
    """plain, noted: by question, without and with notes before the pictures."""
    rows = (f"| {text} | {_told(plain[text])} | {_told(noted[text])} |" for text in plain)
    return _CARD.format(parameters=parameters, context=context, seed=seed, rows="\n".join(rows))


def _told(score: Score) -> str:
    return f"{score.right} of {score.total}"
