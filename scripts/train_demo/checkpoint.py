"""Writing the model as files that mlx-lm loads, and asking the saved files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm import load
from mlx_lm.models.llama import Model
from transformers import PreTrainedTokenizerFast

from scripts.train_demo.conversations import Message
from scripts.train_demo.tokenizer import encode_chat, last_answer

Question = tuple[Sequence[Message], str]


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the answers came word for word, and the smallest lead (logits) of a chosen token."""

    right: int
    total: int
    smallest_margin: float
    wrong: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        return self.right / self.total


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def save(folder: Path, model: Model, config: dict[str, object], tokenizer: PreTrainedTokenizerFast) -> None:
    """Write config, bfloat16 weights, tokenizer and chat template to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(str(folder))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("backend", None)  # only transformers 5 knows it; the class below loads in 4 and 5
    _write_json(folder / "tokenizer_config.json", {**settings, "tokenizer_class": "PreTrainedTokenizerFast"})
    _write_json(folder / "config.json", config)
    _write_json(
        folder / "generation_config.json",
        {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id},
    )
    weights = {name: array.astype(mx.bfloat16) for name, array in tree_flatten(model.parameters())}
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})


def _margin(model: Model, ids: list[int], answer: slice) -> float:
    """The smallest lead, in logits, of an answer's token over the likeliest other one; negative if one lags behind."""
    logits = model(mx.array([ids[: answer.stop - 1]]))[0, answer.start - 1 :].astype(mx.float32)
    expected = mx.array(ids[answer])[:, None]
    own = mx.take_along_axis(logits, expected, axis=-1)
    others = mx.put_along_axis(logits, expected, mx.array(-math.inf), axis=-1).max(axis=-1, keepdims=True)
    return float(np.asarray(own - others).min())


def score(folder: Path, questions: Iterable[Question]) -> Score:
    """Ask the saved model. An answer is right if greedy decoding gives it word for word and then ends.

    The expected answer is fed in one pass; where each of its tokens is the likeliest one, greedy decoding gives it.
    """
    model, tokenizer = load(str(folder))[:2]
    margins: list[float] = []
    wrong: list[str] = []
    for messages, answer in questions:
        ids, learned = encode_chat(tokenizer, [*messages, {"role": "assistant", "content": answer}])
        margins.append(_margin(model, ids, last_answer(learned)))
        if margins[-1] <= 0:
            wrong.append(messages[-1]["content"])
    right = [margin for margin in margins if margin > 0]
    return Score(len(right), len(margins), min(right, default=math.inf), tuple(wrong))
