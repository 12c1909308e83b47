"""An embedder and a reranker of the BERT family with random weights: whole models, written in an instant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_vlm.models.bert import Model, ModelConfig, SequenceClassificationModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.support.miniatures.tokens import write_json

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TEXT = "i sleep in a bed on monday the cat sat where do you work office is green house far away . , ?"
WORDS = TEXT.split()
LENGTH, DIMENSIONS = 128, 32
CONFIG: Mapping[str, object] = {
    "model_type": "bert",
    "hidden_size": DIMENSIONS,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": LENGTH,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}


def small_embedder(folder: Path, seed: int = 0) -> Path:
    """Vectors of 32 numbers: the mean of the tokens', of length one."""
    config = {**CONFIG, "architectures": ["BertModel"], **_vocabulary(folder)}
    _write(folder, config, Model(ModelConfig.from_dict(config)), seed)
    parts = ("", "models.Transformer"), ("1_Pooling", "models.Pooling"), ("2_Normalize", "models.Normalize")
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.{kind}"}
        for at, (path, kind) in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    write_json(
        folder / "1_Pooling/config.json", {"word_embedding_dimension": DIMENSIONS, "pooling_mode_mean_tokens": True}
    )
    return folder


def small_reranker(folder: Path, seed: int = 0) -> Path:
    config = {
        **CONFIG,
        "architectures": ["BertForSequenceClassification"],
        "num_labels": 1,
        "id2label": {"0": "LABEL_0"},
        **_vocabulary(folder),
    }
    _write(folder, config, SequenceClassificationModel(ModelConfig.from_dict(config)), seed)
    return folder


def _vocabulary(folder: Path) -> dict[str, int]:
    """The tokenizer, written; and the key of the configuration that follows from it."""
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789"]
    pieces = [*MARKS, *WORDS, *letters, *(f"##{each}" for each in letters)]
    vocabulary = {piece: at for at, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), MARKS, strict=True))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": LENGTH, **names}
    write_json(folder / "tokenizer_config.json", settings)
    return {"vocab_size": len(vocabulary)}


def _write(folder: Path, config: Mapping[str, object], network: object, seed: int) -> None:
    write_json(folder / "config.json", config)
    weights = dict(tree_flatten(network.parameters()))  # type: ignore[attr-defined]
    keys = mx.random.split(mx.random.key(seed), len(weights))
    drawn = {
        name: mx.random.normal(each.shape, key=key) * 0.3 if each.ndim > 1 else each
        for (name, each), key in zip(sorted(weights.items()), keys, strict=True)
    }
    mx.save_safetensors(str(folder / "model.safetensors"), drawn, {"format": "mlx"})
