"""Embedders and rerankers with random weights, in folders as transformers and sentence-transformers write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from adapters.inference.embedding.runtime import MlxVectorRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.serving.load_options import LoadOptions, Task
from ports.vector_engine import LoadedVectors

HIDDEN = 32
POSITIONS = 96
WORDS = "the cat sat on a mat and dog ran fast to see hello world yes no query passage : . , ?"
ENCODER = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": POSITIONS,
}
DECODER = {
    **ENCODER,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}
# model_type, architecture, module of mlx-vlm's, more of the config
FAMILIES: Mapping[str, tuple[str, str, str, Mapping[str, Any]]] = {
    "bert": ("bert", "BertModel", "bert", {**ENCODER, "pad_token_id": 0, "type_vocab_size": 2}),
    "xlm-roberta": ("xlm-roberta", "XLMRobertaModel", "xlm_roberta", {**ENCODER, "pad_token_id": 1}),
    "modernbert": ("modernbert", "ModernBertModel", "modernbert", {**ENCODER, "local_attention": 8, "pad_token_id": 0}),
    "qwen3": ("qwen3", "Qwen3ForCausalLM", "qwen3_embedding", DECODER),
    "gemma3": (
        "gemma3_text", "Gemma3TextModel", "gemma3_embedding",
        {**DECODER, "rope_theta": 1e6, "sliding_window": 512, "sliding_window_pattern": 2, "query_pre_attn_scalar": 16},
    ),
}  # fmt: skip


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """One word, one token; [CLS] and [SEP] around a text."""
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[PAD]", "<pad>", "[UNK]", "[CLS]", "[SEP]"]
    made.train_from_iterator([WORDS], trainers.WordLevelTrainer(special_tokens=special, show_progress=False))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 3), ("[SEP]", 4)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        eos_token="[SEP]",
    )  # fmt: skip


def config_of(family: str, **more: Any) -> dict[str, Any]:
    kind, architecture, _, rest = FAMILIES[family]
    return {"model_type": kind, "architectures": [architecture], "vocab_size": len(tokenizer()), **rest, **more}


def build_embedder(
    folder: Path,
    family: str,
    *,
    dtype: mx.Dtype = mx.float32,
    rename: Callable[[str], str] = str,
    more_weights: Mapping[str, mx.array] | None = None,
    files: Mapping[str, Any] | None = None,
    **config: Any,
) -> Path:
    """files: JSON files beside it, by name. rename: of the weights, as other versions of transformers call them."""
    return _build(folder, family, "Model", dtype, rename, more_weights or {}, files or {}, config)


def build_classifier(folder: Path, family: str, **config: Any) -> Path:
    named = {"bert": "Bert", "xlm-roberta": "XLMRoberta", "modernbert": "ModernBert"}[family]
    config = {"architectures": [f"{named}ForSequenceClassification"], "id2label": {"0": "LABEL_0"}, **config}
    return _build(folder, family, "SequenceClassificationModel", mx.float32, str, {}, {}, config)


def load(folder: Path, task: Task = Task.EMBED, name: str | None = None) -> LoadedVectors:
    model = LocatedModel(name or folder.name, folder, ModelSource.WORKSPACE)
    return MlxVectorRuntime().load(model, LoadOptions(task=task))


def _build(  # noqa: PLR0917
    folder: Path,
    family: str,
    wanted: str,
    dtype: mx.Dtype,
    rename: Callable[[str], str],
    more_weights: Mapping[str, mx.array],
    files: Mapping[str, Any],
    more: Mapping[str, Any],
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(family, **more)
    module = import_module(f"mlx_vlm.models.{FAMILIES[family][2]}")
    mx.random.seed(7)
    network = getattr(module, wanted)(module.ModelConfig.from_dict({"num_labels": 1, **config}))
    weights = {rename(name): _spread(array).astype(dtype) for name, array in tree_flatten(network.parameters())}
    mx.save_safetensors(str(folder / "model.safetensors"), {**weights, **more_weights}, metadata={"format": "mlx"})
    tokenizer().save_pretrained(folder)
    for name, value in {"config.json": config, **files}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value))
    return folder


def _spread(array: mx.array) -> mx.array:
    """Biases and norms are not all the same, so that none can be left out unnoticed."""
    return array + 0.1 * mx.random.normal(array.shape) if array.ndim == 1 else array
