"""A Whisper model's folder to an engine and a codec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_audio.stt.models.whisper.whisper import Model, ModelDimensions
from transformers import WhisperTokenizer

from adapters.inference.embedding.weights import fill
from adapters.inference.hearing.codec import WhisperCodec
from adapters.inference.hearing.weights import speech_tensors
from adapters.inference.hearing.whisper_engine import WhisperEngine
from adapters.inference.hearing.whisper_network import WhisperNetwork
from adapters.inference.hearing.whisper_tokens import whisper_tokens
from adapters.inference.hearing.window import Reader
from domain.catalog import LocatedModel
from domain.errors import ModelNotRunnable
from domain.serving.load_options import LoadOptions
from ports.sound_engine import SoundCodec, SoundEngine

TOKENIZER_FILES = ("tokenizer.json", "vocab.json")
ROWS_BYTES = 2 * 2**30  # for windows that are read side by side, where nobody says how much there is
TURBO_LAYERS = 4  # of the decoder, beside many more of the encoder: what was distilled never learned to translate


def load_whisper(
    model: LocatedModel, config: dict[str, Any], options: LoadOptions
) -> tuple[SoundEngine, SoundCodec, int]:
    """Engine, codec, and how many tokens the decoder holds.

    Raises ModelNotRunnable for a folder without tokenizer; ValueError and what MLX and transformers raise for files
    that make no sense.
    """
    folder = Path(model.path)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise ModelNotRunnable(
            f"{model.name} has no tokenizer: none of {', '.join(TOKENIZER_FILES)} is in {folder}",
            hint="pull a Whisper that has one, such as mlx-community/whisper-large-v3-turbo-asr-fp16, or copy "
            "tokenizer.json of the OpenAI model that it was made from into its folder",
        )
    dims = ModelDimensions.from_dict(config)
    tensors = speech_tensors(folder)
    network = Model(dims, _dtype(tensors))
    fill(network, _wanted(network, tensors), config)
    _align(network, folder)
    tokenizer = WhisperTokenizer.from_pretrained(str(folder), local_files_only=True)
    tokens = whisper_tokens(tokenizer, dims.n_vocab)
    reader = Reader(WhisperNetwork(network), tokens)
    held = options.memory_bytes
    room = ROWS_BYTES if held is None else held - mx.get_active_memory()
    turbo = dims.n_text_layer <= TURBO_LAYERS < dims.n_audio_layer // 2
    codec = WhisperCodec(tokens, translates=tokens.multilingual and not turbo)
    return WhisperEngine(reader, reader.network.rows_within(room)), codec, int(dims.n_text_ctx)


def _wanted(network: Model, tensors: Mapping[str, mx.array]) -> dict[str, mx.array]:
    """Without what some converters leave beside it: a head that is the embedding again, tables that are computed."""
    known = {name.rpartition(".")[0] for name, _ in tree_flatten(network.parameters())} | {"decoder"}
    found: dict[str, mx.array] = network.sanitize(dict(tensors))
    return {name: value for name, value in found.items() if name.rpartition(".")[0] in known}


def _dtype(tensors: Mapping[str, mx.array]) -> mx.Dtype:
    """The numbers that the weights are in; of quantised ones, those of their scales."""
    kinds = {tensor.dtype for tensor in tensors.values()} & {mx.float16, mx.bfloat16, mx.float32}
    for kind in (mx.bfloat16, mx.float16):
        if kind in kinds:
            return kind
    return mx.float32


def _align(network: Model, folder: Path) -> None:
    """Which heads listen to the word that is being written, where the folder says so."""
    try:
        told = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    heads = told.get("alignment_heads") if isinstance(told, dict) else None
    layers, width = network.dims.n_text_layer, network.dims.n_text_head
    if not isinstance(heads, list) or not heads:
        return
    for head in heads:
        good = isinstance(head, list) and len(head) == 2 and all(isinstance(each, int) for each in head)
        if not good or not (0 <= head[0] < layers and 0 <= head[1] < width):
            raise ValueError(f"generation_config.json: alignment_heads has {head!r}, and the decoder no such head")
    network.set_alignment_heads(heads)
