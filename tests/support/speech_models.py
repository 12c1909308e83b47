"""Models that hear, with random weights: they run, and what they say has no meaning."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_audio.stt.models.whisper.whisper import Model, ModelDimensions

from scripts.train_whisper.tokenizer import SpeechTokenizer

WORDS = ("hello world, this is a test", "the cat sat on the mat", "one two three four")
DIMENSIONS = {
    "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 16, "n_audio_head": 2, "n_audio_layer": 1,
    "n_vocab": 51865, "n_text_ctx": 448, "n_text_state": 16, "n_text_head": 2, "n_text_layer": 2,
}  # fmt: skip


def build_whisper(folder: Path, *, seed: int = 0, tokenizer: bool = True, dtype: mx.Dtype = mx.float32) -> Path:
    """A multilingual one. tokenizer: with its files."""
    folder.mkdir(parents=True, exist_ok=True)
    mx.random.seed(seed)
    network = Model(ModelDimensions.from_dict(dict(DIMENSIONS)), dtype=dtype)
    network.decoder.positional_embedding = mx.random.normal((448, 16)) * 0.1
    weights = {name: value.astype(dtype) for name, value in tree_flatten(network.parameters())}
    mx.save_safetensors(str(folder / "model.safetensors"), weights)
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", **DIMENSIONS}))
    if tokenizer:
        for name, values in SpeechTokenizer(WORDS).files().items():
            (folder / name).write_text(json.dumps(values))
    return folder
