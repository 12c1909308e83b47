"""Models that hear, with random weights: they run, and what they say has no meaning."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_audio.stt.models.whisper.whisper import Model, ModelDimensions
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from scripts.train_whisper.tokenizer import FIRST_SPECIAL, SpeechTokenizer

WORDS = ("hello world, this is a test", "the cat sat on the mat", "one two three four")
DIMENSIONS = {
    "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 16, "n_audio_head": 2, "n_audio_layer": 1,
    "n_vocab": 51865, "n_text_ctx": 448, "n_text_state": 16, "n_text_head": 2, "n_text_layer": 2,
}  # fmt: skip


def build_whisper(folder: Path, *, english: bool = False, tokenizer: bool = True, **dimensions: int) -> Path:
    """english: it knows no other language. tokenizer: with its files. dimensions: other than DIMENSIONS."""
    folder.mkdir(parents=True, exist_ok=True)
    mx.random.seed(0)
    config = {**DIMENSIONS, "n_vocab": 51865 - english, **dimensions}
    network = Model(ModelDimensions.from_dict(dict(config)), dtype=mx.float32)
    network.decoder.positional_embedding = mx.random.normal((448, config["n_text_state"])) * 0.1
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(network.parameters())))
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", **config}))
    if tokenizer:
        files = SpeechTokenizer(WORDS).files()
        if english:  # its special tokens come one earlier
            made = files["tokenizer.json"]
            words = made["model"]["vocab"]
            made["model"]["vocab"] = {name: at - (at >= FIRST_SPECIAL) for name, at in words.items()}
            for token in made["added_tokens"]:
                token["id"] -= 1
        for name, values in files.items():
            (folder / name).write_text(json.dumps(values))
    return folder


MOONSHINE = {
    "model_type": "moonshine", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 32,
    "encoder_num_hidden_layers": 1, "decoder_num_hidden_layers": 1, "encoder_num_attention_heads": 2,
    "decoder_num_attention_heads": 2, "max_position_embeddings": 96,
}  # fmt: skip
SENSEVOICE = {
    "model_type": "sensevoice", "vocab_size": 40, "input_size": 560,
    "encoder_conf": {"output_size": 16, "attention_heads": 2, "linear_units": 16, "num_blocks": 2, "tp_blocks": 1},
}  # fmt: skip
PIECES = [letter if at % 3 == 0 else f"\u2581{letter}" for at, letter in enumerate("abcdefghijklmnopqrs")]
PARAKEET = {
    "model_type": "parakeet",
    "target": "nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE",
    "preprocessor": {
        "sample_rate": 16000, "normalize": "per_feature", "window_size": 0.025, "window_stride": 0.01,
        "window": "hann", "features": 80, "n_fft": 512, "dither": 0.0,
    },
    "encoder": {
        "feat_in": 80, "n_layers": 1, "d_model": 16, "n_heads": 2, "ff_expansion_factor": 2, "subsampling_factor": 8,
        "self_attention_model": "rel_pos", "subsampling": "dw_striding", "conv_kernel_size": 9,
        "subsampling_conv_channels": 8, "pos_emb_max_len": 5000,
    },
    "decoder": {"feat_in": 16, "num_classes": len(PIECES), "vocabulary": PIECES},
    "decoding": {"greedy": None},
}  # fmt: skip
FAMILIES = ("moonshine", "sensevoice", "parakeet")


def build_family(folder: Path, family: str, *, tokenizer: bool = True) -> Path:
    """One of FAMILIES. tokenizer: with its files, where it has some."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"moonshine": MOONSHINE, "sensevoice": SENSEVOICE, "parakeet": PARAKEET}[family]
    (folder / "config.json").write_text(json.dumps(config))
    module = import_module(f"mlx_audio.stt.models.{family}")
    mx.random.seed(1)
    network = module.Model(module.ModelConfig.from_dict(json.loads(json.dumps(config))))
    weights = dict(tree_flatten(network.parameters()))
    if family != "parakeet":  # the others' weights are read as PyTorch has them
        weights = {name: _as_torch(name, value) for name, value in weights.items()}
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    if tokenizer and family == "moonshine":
        made = Tokenizer(models.WordLevel({f"w{at} ": at for at in range(40)}, unk_token="w0 "))
        PreTrainedTokenizerFast(tokenizer_object=made).save_pretrained(folder)
    if tokenizer and family == "sensevoice":
        (folder / "tokens.json").write_text(json.dumps([f"\u2581w{at}" for at in range(40)]))
    return folder


def _as_torch(name: str, value: mx.array) -> mx.array:
    return value.transpose(0, 2, 1) if value.ndim == 3 and ("conv" in name or "fsmn" in name) else value
