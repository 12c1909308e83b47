"""Voices with random weights from a seed: what they say is noise, of the shape and length of speech."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_audio.tts.models.soprano.soprano import Model, ModelConfig
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

RATE = 32_000
MARKS = ("[PAD]", "[STOP]", "[TEXT]", "[START]")
STOP_WEIGHT = 6.0  # the end becomes likely now and then: a piece is said in a second or two
LOUDNESS = 40.0
SOPRANO = {
    "model_type": "soprano", "hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 128,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rms_norm_eps": 1e-6, "vocab_size": 320,
    "max_position_embeddings": 512, "rope_theta": 10000.0, "tie_word_embeddings": False,
}  # fmt: skip


def build_soprano(folder: Path, *, seed: int = 0) -> Path:
    """Its decoder's size is the library's own: some 14 million parameters, 28 MB."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    spelling = Tokenizer(models.BPE(vocab={mark: at for at, mark in enumerate((*MARKS, *letters))}, merges=[]))
    spelling.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spelling.decoder = decoders.ByteLevel()
    spelling.add_special_tokens(list(MARKS))
    PreTrainedTokenizerFast(tokenizer_object=spelling, eos_token="[STOP]", pad_token="[STOP]").save_pretrained(folder)
    (folder / "README.md").write_text("---\nlibrary_name: mlx\npipeline_tag: text-to-speech\n---\n")
    (folder / "config.json").write_text(json.dumps(SOPRANO))
    mx.random.seed(seed)
    network = Model(ModelConfig.from_dict({**SOPRANO, "model_path": str(folder)}))
    weights = dict(tree_flatten(network.parameters()))
    head = weights["language_model.lm_head.weight"]
    head[MARKS.index("[STOP]")] *= STOP_WEIGHT
    mx.save_safetensors(
        str(folder / "model.safetensors"), {name: each.astype(mx.float16) for name, each in weights.items()}
    )
    return folder
