"""Training: the ordinary Llama of mlx-lm, AdamW, only the assistant's tokens in the loss."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten
from mlx_lm.models.llama import Model, ModelArgs
from transformers import PreTrainedTokenizerFast

from scripts.train_demo.conversations import Topic
from scripts.train_demo.sampling import ConversationSource
from scripts.train_demo.tokenizer import CONTEXT_TOKENS, encode_chat, last_answer

_LENGTH_STEP = 8  # rows are padded to a multiple of this many tokens
_DECIDING_TOKENS = 8  # which answer it will be shows in its first tokens: these count more than the recital after them
_DECIDING_WEIGHT = 5.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How large the model is and how long it learns."""

    vocabulary_size: int
    hidden_size: int
    layers: int
    intermediate_size: int
    rounds: int
    peak_learning_rate: float
    batch_tokens: int  # padded tokens in one step, at most (a single longer row makes a step of its own)
    head_size: int = 32
    key_value_heads: int = 2


FULL = Recipe(1024, 256, 3, 384, rounds=130, peak_learning_rate=2e-3, batch_tokens=2048, head_size=64)
TINY = Recipe(384, 64, 2, 128, rounds=40, peak_learning_rate=6e-3, batch_tokens=384, key_value_heads=1)

EncodedChat = tuple[list[int], list[bool]]
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """One step: `inputs` [rows, tokens]; `positions` index the flattened inputs whose next token is learned.

    `targets` are those next tokens and `weights` what each counts for; they sum to 1.
    """

    inputs: mx.array
    positions: mx.array
    targets: mx.array
    weights: mx.array


def model_config(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> dict[str, object]:
    """The config.json of the model; the vocabulary is padded to a multiple of 64."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": recipe.hidden_size,
        "num_hidden_layers": recipe.layers,
        "intermediate_size": recipe.intermediate_size,
        "num_attention_heads": recipe.hidden_size // recipe.head_size,
        "num_key_value_heads": recipe.key_value_heads,
        "head_dim": recipe.head_size,
        "rms_norm_eps": 1e-5,
        "vocab_size": (len(tokenizer) + 63) // 64 * 64,
        "rope_theta": 10000.0,
        "max_position_embeddings": CONTEXT_TOKENS,
        "tie_word_embeddings": True,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "torch_dtype": "bfloat16",
    }


def parameter_count(model: nn.Module) -> int:
    """How many numbers the model holds."""
    return sum(int(array.size) for _, array in tree_flatten(model.parameters()))


def _weights(learned: Sequence[bool]) -> Iterator[float]:
    place = 0
    for mark in learned:
        place = place + 1 if mark else 0
        yield 0.0 if not mark else _DECIDING_WEIGHT if place <= _DECIDING_TOKENS else 1.0


def _padded(rows: Sequence[EncodedChat]) -> Batch:
    width = (max(len(ids) for ids, _ in rows) + _LENGTH_STEP - 1) // _LENGTH_STEP * _LENGTH_STEP
    tokens = np.zeros((len(rows), width), np.int32)
    weights = np.zeros((len(rows), width), np.float32)
    for index, (ids, mask) in enumerate(rows):
        tokens[index, : len(ids)] = ids
        weights[index, : len(ids)] = list(_weights(mask))
    next_weights = weights[:, 1:].reshape(-1)
    positions = next_weights.nonzero()[0]
    next_weights = next_weights[positions]
    return Batch(
        inputs=mx.array(tokens[:, :-1]),
        positions=mx.array(positions),
        targets=mx.array(tokens[:, 1:].reshape(-1)[positions]),
        weights=mx.array(next_weights / next_weights.sum()),
    )


def _opening(ids: list[int], learned: list[bool]) -> EncodedChat:
    end = last_answer(learned).start + _DECIDING_TOKENS
    return ids[:end], learned[:end]


def batches(
    source: ConversationSource, tokenizer: PreTrainedTokenizerFast, batch_tokens: int, rng: random.Random
) -> Iterator[Batch]:
    """The steps of one round: rows of like length together, so that little is padding, in random order."""
    rows = [encode_chat(tokenizer, chat) for chat in source.round()]
    rows += [_opening(*encode_chat(tokenizer, chat)) for chat in source.openings()]
    rows.sort(key=lambda row: len(row[0]))
    groups: list[list[EncodedChat]] = [[]]
    for row in rows:
        if groups[-1] and (len(groups[-1]) + 1) * len(row[0]) > batch_tokens:
            groups.append([])
        groups[-1].append(row)
    rng.shuffle(groups)
    for group in groups:
        yield _padded(group)


def _loss(model: Model, batch: Batch) -> mx.array:
    """Weighted mean cross-entropy; only learned positions go through the output layer, which saves work."""
    hidden = model.model(batch.inputs).reshape(-1, model.args.hidden_size)[batch.positions]
    logits = model.model.embed_tokens.as_linear(hidden)
    mean: mx.array = nn.losses.cross_entropy(logits, batch.targets, weights=batch.weights, reduction="sum")
    return mean


def _learning_rate(recipe: Recipe, round_index: int) -> float:
    """A short rise, then half a cosine down to a hundredth of the peak."""
    rise = max(1, recipe.rounds // 20)
    if round_index < rise:
        return recipe.peak_learning_rate * (round_index + 1) / (rise + 1)
    progress = (round_index - rise) / max(1, recipe.rounds - rise)
    return recipe.peak_learning_rate * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * progress))))


def train(
    recipe: Recipe, topics: Sequence[Topic], tokenizer: PreTrainedTokenizerFast, seed: int, report: Progress
) -> Model:
    """A trained float32 model. `report` is called with (round, steps so far, mean loss) after each round."""
    mx.random.seed(seed)
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it, and it must repeat
    source = ConversationSource(topics, rng)
    model = Model(ModelArgs.from_dict(model_config(recipe, tokenizer)))
    mx.eval(model.parameters())
    optimizer = optim.AdamW(learning_rate=0.0, betas=[0.9, 0.98], weight_decay=0.01)
    loss_and_gradients = nn.value_and_grad(model, _loss)
    steps = 0
    for round_index in range(recipe.rounds):
        optimizer.learning_rate = mx.array(_learning_rate(recipe, round_index))
        losses = []
        for batch in batches(source, tokenizer, recipe.batch_tokens, rng):
            loss, gradients = loss_and_gradients(model, batch)
            gradients, _ = optim.clip_grad_norm(gradients, 1.0)
            optimizer.update(model, gradients)
            mx.eval(model.parameters(), optimizer.state, loss)
            losses.append(loss.item())
        steps += len(losses)
        report(round_index, steps, sum(losses) / len(losses))
    return model
