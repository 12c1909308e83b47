"""Training: what is said of one topic comes together, in whole vectors and in their beginnings."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten
from transformers import PreTrainedTokenizerFast

from scripts.train_embedding.lexicon import TOPICS
from scripts.train_embedding.recipe import Recipe
from scripts.train_embedding.sentences import pairs, sentence

Progress = Callable[[int, float], None]
Row = list[int]
Spell = tuple[Callable[[str], Row], Callable[[str], Row]]
TEMPERATURE = 0.1
REPORT_STEPS = 50


def parameter_count(model: nn.Module) -> int:
    return sum(int(array.size) for _, array in tree_flatten(model.parameters()))


def padded(rows: Sequence[Row], filler: int) -> tuple[mx.array, mx.array]:
    width = (max(map(len, rows)) + 7) // 8 * 8
    tokens = np.full((len(rows), width), filler, np.int32)
    mask = np.zeros((len(rows), width), np.float32)
    for at, row in enumerate(rows):
        tokens[at, : len(row)], mask[at, : len(row)] = row, 1
    return mx.array(tokens), mx.array(mask)


def train_vectors(model: Any, recipe: Recipe, spell: Spell, rng: random.Random, report: Progress) -> None:
    """model: one of mlx-vlm's embedders, that pools and normalises as it should. spell: a question, and a document, to
    tokens.
    """

    def loss(model: Any, batch: tuple[mx.array, mx.array], count: int) -> mx.array:
        vectors = model(batch[0], attention_mask=batch[1]).text_embeds
        total = mx.array(0.0)
        for width in (*recipe.shortened, recipe.hidden_size):
            short = vectors[:, :width]
            short = short / mx.linalg.norm(short, axis=-1, keepdims=True)
            likeness = short[:count] @ short[count:].T / TEMPERATURE
            total = total + _contrast(likeness, count // recipe.rounds)
        return total

    def batch() -> tuple[tuple[mx.array, mx.array], int]:
        drawn = [pair for _ in range(recipe.rounds) for pair in sorted_pairs(rng)]
        rows = [spell[0](question) for question, _ in drawn] + [spell[1](document) for _, document in drawn]
        return padded(rows, 0), len(drawn)

    _descend(model, recipe, loss, batch, report)


def train_scores(
    model: Any, recipe: Recipe, tokenizer: PreTrainedTokenizerFast, rng: random.Random, report: Progress
) -> None:
    """model: mlx-vlm's classifier with one label. Half of the pairs are about one topic."""

    def loss(model: Any, batch: tuple[mx.array, mx.array, mx.array], labels: mx.array) -> mx.array:
        tokens, mask, kinds = batch
        logits = model(tokens, attention_mask=mask, token_type_ids=kinds).logits[:, 0]
        mean: mx.array = nn.losses.binary_cross_entropy(logits, labels)
        return mean

    def batch() -> tuple[tuple[mx.array, mx.array, mx.array], mx.array]:
        drawn = [pair for _ in range(recipe.rounds) for pair in pairs(rng)]
        questions = [question for question, _ in drawn] * 2
        documents = [document for _, document in drawn]
        documents += [*documents[1:], documents[0]]
        read = tokenizer(questions, documents, return_token_type_ids=True)
        tokens, mask = padded(read["input_ids"], 0)
        kinds, _ = padded(read["token_type_ids"], 0)
        labels = mx.array([1.0] * len(drawn) + [0.0] * len(drawn))
        return (tokens, mask, kinds), labels

    slower = replace(recipe, steps=recipe.reranker_steps, peak_learning_rate=recipe.reranker_learning_rate)
    _descend(model, slower, loss, batch, report)


def sorted_pairs(rng: random.Random) -> list[tuple[str, str]]:
    """In the same order of topics every time, so that places tell which are of one topic."""
    return [(sentence(topic, rng), sentence(topic, rng)) for topic in TOPICS]


def _contrast(likeness: mx.array, topics: int) -> mx.array:
    """Each question picks documents of its own topic, and the other way round. [questions, documents]."""
    places = mx.arange(likeness.shape[0]) % topics
    same = places[:, None] == places[None]
    total = mx.array(0.0)
    for scores in (likeness, likeness.T):
        right = mx.logsumexp(mx.where(same, scores, -1e9), axis=-1)
        total = total + (mx.logsumexp(scores, axis=-1) - right).mean()
    return total


def _descend(
    model: Any, recipe: Recipe, loss: Callable[..., mx.array], batch: Callable[[], tuple[Any, Any]], report: Progress
) -> None:
    optimizer = optim.AdamW(learning_rate=recipe.peak_learning_rate, weight_decay=0.01)
    step_of = nn.value_and_grad(model, loss)
    model.train()
    for step in range(recipe.steps):
        optimizer.learning_rate = mx.array(_learning_rate(recipe, step))
        value, gradients = step_of(model, *batch())
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state, value)
        if (step + 1) % REPORT_STEPS == 0:
            report(step + 1, value.item())
    model.eval()


def _learning_rate(recipe: Recipe, step: int) -> float:
    """A short rise, then half a cosine."""
    rise = max(1, recipe.steps // 20)
    if step < rise:
        return recipe.peak_learning_rate * (step + 1) / rise
    share = (step - rise) / max(1, recipe.steps - rise)
    return recipe.peak_learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
