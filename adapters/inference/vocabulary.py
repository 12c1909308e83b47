"""The tokens that a model has, and rows that name others."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from domain.errors import CapabilityMismatch, GenerationFailed, InvalidRequest
from ports.text_engine import EngineRow


def vocabulary_size(network: Any) -> int:
    """How many tokens the network has logits for; more than the tokenizer knows where it is padded. One short pass."""
    logits: mx.array = network(mx.zeros((1, 1), mx.int32), cache=make_prompt_cache(network))
    return logits.shape[-1]


def refuse_unknown_tokens(row: EngineRow, vocabulary: int) -> None:
    """Raises for what no model with so many tokens can answer: GenerationFailed where its prompt is at fault,
    InvalidRequest where its sampling is.
    """
    if not row.prompt:
        raise GenerationFailed("the prompt has no tokens: there is nothing to continue")
    if max(row.prompt) >= vocabulary:
        raise GenerationFailed(
            f"the prompt has token {max(row.prompt)}, and this model's vocabulary ends at {vocabulary - 1:,}",
            hint="its tokenizer belongs to another model: convert or download it again",
        )
    strange = [token for token, _ in row.sampling.logit_bias if token >= vocabulary]
    if strange:
        raise InvalidRequest(
            f"logit_bias names token {strange[0]}, and this model's vocabulary has {vocabulary:,} tokens",
            param="logit_bias",
        )


def refuse_pictures(row: EngineRow, sees: bool) -> None:
    """Raises CapabilityMismatch for pictures that nobody would look at; GenerationFailed for places of pictures that
    the prompt does not have.
    """
    if row.media is None:
        return
    if not sees:
        raise CapabilityMismatch(
            "this model, as it was loaded, takes no pictures",
            hint="load a vision model, without --draft-model, --draft-ngram, --kv-bits and --max-kv-size",
        )
    end = 0
    for picture in row.media.pictures:
        if not end <= picture.start < picture.end <= len(row.prompt):
            raise GenerationFailed(
                f"a picture is said to stand from token {picture.start:,} to {picture.end:,} of a prompt of "
                f"{len(row.prompt):,} tokens, after one that ends at {end:,}"
            )
        end = picture.end
    if row.media.inputs and not row.media.pictures:
        raise GenerationFailed("the prompt shows something, and does not say where")
