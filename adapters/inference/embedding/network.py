"""Networks that read texts, by family: mlx-vlm's, and for rerankers that write, mlx-lm's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_vlm.embedding_loader import EMBEDDING_MODEL_REMAPPING

from adapters.inference.embedding.mending import finite_masks, in_words_of_the_library, mend_modernbert
from adapters.inference.embedding.weights import fill, read_tensors
from domain.catalog.embedding import label_count
from domain.errors import ModelNotRunnable
from domain.numbers import whole_number

MODULES = "mlx_vlm.models"
GELU = ("gelu", None)
# What mlx-vlm's encoders take for granted, by the key in config.json and what it may say.
GRANTED: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "bert": {"hidden_act": GELU, "position_embedding_type": ("absolute", None), "is_decoder": (False, None)},
    "xlm_roberta": {"hidden_act": GELU, "position_embedding_type": ("absolute", None), "is_decoder": (False, None)},
    "modernbert": {"hidden_activation": GELU},
}
CLASSIFIER, HEADS = "SequenceClassificationModel", ("pooler.", "classifier.", "head.", "score.")


def family_of(config: Mapping[str, Any]) -> str:
    """The module of mlx-vlm's that embeds with models of this type."""
    kind = str(config.get("model_type", "")).lower()
    return str(EMBEDDING_MODEL_REMAPPING.get(kind, kind))


class TextNetwork:
    """Tokens to the vectors that stand for them. family: of `family_of`. reads_kinds: which of two texts a token
    belongs to is read too. filler: the token to stand behind shorter rows; XLM-RoBERTa counts places without it.
    """

    def __init__(self, network: Any, family: str, config: Mapping[str, Any]) -> None:
        self.network = network
        self.family = family
        self.reads_kinds = family == "bert"
        self.filler = whole_number(config.get("pad_token_id")) or 0
        self._window = int(config.get("sliding_window") or 0) if family == "gemma3_embedding" else 0

    def hidden(self, tokens: mx.array, mask: mx.array) -> mx.array:
        """tokens, mask [rows, length], the mask 1 where there is text, which comes first; [rows, length, numbers]."""
        if self._window:
            return self._windowed(tokens, mask)
        hidden: mx.array = self.network(tokens, attention_mask=mask).last_hidden_state
        return hidden

    def dense(self, vectors: mx.array) -> mx.array:
        """What mlx-vlm has among the network's own layers, where it was found among its weights."""
        for layer in getattr(self.network, "dense", ()):
            vectors = layer(vectors)
        return vectors

    def logits(self, tokens: mx.array, mask: mx.array, kinds: mx.array) -> mx.array:
        """Of a classifier with one label. kinds [rows, length]: 1 in the second of two texts. [rows]."""
        beside = {"token_type_ids": kinds} if self.reads_kinds else {}
        logits: mx.array = self.network(tokens, attention_mask=mask, **beside).logits
        return logits[:, 0].astype(mx.float32)

    def _windowed(self, tokens: mx.array, mask: mx.array) -> mx.array:
        """Gemma's layers look both ways, most of them no farther than half a window, which mlx-vlm's own forward pass
        leaves out.
        """
        model = self.network.model
        hidden = model.embed_tokens(tokens)
        hidden = hidden * mx.array(model.config.hidden_size**0.5, mx.bfloat16).astype(hidden.dtype)
        everywhere, nearby = finite_masks(mask, self._window // 2, hidden.dtype)
        pattern = model.sliding_window_pattern
        for at, layer in enumerate(model.layers):
            hidden = layer(hidden, everywhere if at % pattern == pattern - 1 else nearby, None)
        normed: mx.array = model.norm(hidden)
        return normed


def load_embedder(folder: Path, config: Mapping[str, Any], name: str) -> TextNetwork:
    """name: the model's. Raises ModelNotRunnable for families and variants that mlx-vlm does not have, and whatever
    reading weights raises.
    """
    family = family_of(config)
    network, tensors = _made(config, family, "Model", name), read_tensors(folder)
    if hasattr(network, "dense") and not any(key.startswith("dense.") for key in tensors):
        network.dense = []  # they lie in folders of their own, or there are none
    fill(network, tensors, config)
    return TextNetwork(network, family, config)


def load_classifier(folder: Path, config: Mapping[str, Any], name: str) -> TextNetwork:
    """As `load_embedder`, of a cross-encoder; also raises ModelNotRunnable for one with several labels."""
    family = family_of(config)
    labels = label_count(config)
    if labels != 1:
        raise ModelNotRunnable(
            f"{name} sorts texts into {labels} classes; a reranker has one number to say", param="model"
        )
    network = _made({**config, "num_labels": 1}, family, CLASSIFIER, name)
    fill(network, read_tensors(folder), config, keep=HEADS)
    return TextNetwork(network, family, config)


def _made(config: Mapping[str, Any], family: str, wanted: str, name: str) -> Any:
    if config.get("model_file"):
        raise ValueError(f"it brings its own code ({config['model_file']}), which is never run")
    try:
        module = import_module(f"{MODULES}.{family}")
        make = getattr(module, wanted)
    except (ImportError, AttributeError) as fault:
        what = "rerank" if wanted == CLASSIFIER else "embed"
        raise ModelNotRunnable(
            f"{name}: mlx-vlm has no models of type {config.get('model_type')!r} that {what}",
            hint="take bge, e5 or Qwen3-Embedding, or bge-reranker",
            param="model",
        ) from fault
    for key, fits in GRANTED.get(family, {}).items():
        if config.get(key) not in fits:
            raise ModelNotRunnable(f"{name}: {key} {config[key]!r} in config.json is not supported", param="model")
    own = in_words_of_the_library(config, family)
    network = make(module.ModelConfig.from_dict({**own, "model_type": family}))
    if family == "modernbert":
        mend_modernbert(network)
    return network
