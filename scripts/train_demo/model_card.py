"""The README.md that lies beside the weights."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.train_demo.checkpoint import Score
from scripts.train_demo.conversations import TOPICS
from scripts.train_demo.tokenizer import CONTEXT_TOKENS

_CARD = """---
license: apache-2.0
language: en
library_name: mlx
pipeline_tag: text-generation
tags:
- mlx
- chat
---

# mlxk/demo

The miniature chat model that comes with mlxk. It answers questions about mlxk itself and says so when it does not
know. It is there to try `mlxk run` and `mlxk serve` without a download, and to test them; it is of no other use.

A Llama of {parameters:,} parameters in bfloat16, ChatML template, context of {context} tokens, byte-level BPE.
Trained from random weights (seed {seed}) on {topics} questions and answers of our own, in many wordings, by
`python -m scripts.train_demo`.

Greedy answers of these files, word for word:

| questions | right | smallest margin (logits) |
|---|---|---|
{rows}

"Margin" is the lead of the chosen token over the next likeliest one, over all tokens of the right answers.
"""


def model_card(parameters: int, seed: int, scores: Mapping[str, Score]) -> str:
    """README.md with front matter: what the model is, how it was made and how well it answers."""
    rows = "\n".join(
        f"| {name} | {score.right} of {score.total} | {score.smallest_margin:.1f} |" for name, score in scores.items()
    )
    return _CARD.format(parameters=parameters, context=CONTEXT_TOKENS, seed=seed, topics=len(TOPICS), rows=rows)
