"""Rerankers that write: whether they would say yes or no to a document, as Qwen3-Reranker's model card has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx

from adapters.inference.network_loading import load_network
from domain.errors import ModelNotRunnable

RULES = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
BEFORE = f"<|im_start|>system\n{RULES}<|im_end|>\n<|im_start|>user\n"
AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
YES, NO = "yes", "no"


def question(query: str, document: str, task: str) -> str:
    return f"<Instruct>: {task}\n<Query>: {query}\n<Document>: {document}"


class JudgeNetwork:
    """Reads from left to right: what stands behind a text changes nothing. yes, no: tokens."""

    def __init__(self, network: Any, yes: int, no: int) -> None:
        self._network = network
        self._answers = mx.array([yes, no])

    def logits(self, tokens: mx.array, lengths: mx.array) -> mx.array:
        """How much likelier yes is than no, of each row: [rows]."""
        hidden = self._network.model(tokens)
        index = mx.broadcast_to((lengths - 1)[:, None, None], (hidden.shape[0], 1, hidden.shape[2]))
        last = mx.take_along_axis(hidden, index, axis=1)[:, 0]
        head = getattr(self._network, "lm_head", None)
        logits = self._network.model.embed_tokens.as_linear(last) if head is None else head(last)
        chosen = logits[:, self._answers].astype(mx.float32)
        likelier: mx.array = chosen[:, 0] - chosen[:, 1]
        return likelier


def load_judge(folder: Path, tokenizer: Any, name: str) -> JudgeNetwork:
    """name: the model's. Raises ModelNotRunnable for a tokenizer that has no words for yes and no, and what mlx-lm
    raises.
    """
    answers = [tokenizer.convert_tokens_to_ids(word) for word in (YES, NO)]
    unknown = tokenizer.unk_token_id
    if any(not isinstance(each, int) or each == unknown for each in answers):
        raise ModelNotRunnable(f"{name} has no tokens for yes and no, so it cannot rerank", param="model")
    network, _ = load_network(folder)
    return JudgeNetwork(network, *answers)
