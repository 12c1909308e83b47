"""A model folder to an engine and a codec, with mlx-lm."""

from __future__ import annotations

import gc
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.utils import load_tokenizer

from adapters.inference.engine.pace import Bounds
from adapters.inference.network_loading import apply_adapter, load_network
from adapters.inference.prefix_cache.opening import open_prefixes
from adapters.inference.solo.choice import SAFE_TOKENIZER, SoloLoader, why_alone
from adapters.inference.text_codec import MlxTextCodec
from adapters.inference.text_engine import MlxTextEngine
from domain.catalog import LocatedModel
from domain.inference.context_length import context_length
from domain.serving.load_options import LoadOptions
from ports.model_worker import LoadedModel
from ports.text_engine import TextEngine
from ports.text_runtime import LoadedText

CONFIG, GENERATION_CONFIG = "config.json", "generation_config.json"


def load_text(model: LocatedModel, options: LoadOptions) -> LoadedText:
    """Read weights and tokenizer. Raises whatever mlx-lm and transformers raise; InvalidRequest for options that this
    model cannot honour.
    """
    network, codec = _seeing(model, options) if options.sees else _reading(model, options)
    engine = _engine(model, network, codec, options)
    gc.collect()
    gc.freeze()  # the model is no garbage either
    facts = LoadedModel(model.name, codec.context_length, os.getpid(), mx.get_active_memory())
    return LoadedText(engine, codec, facts)


def _reading(model: LocatedModel, options: LoadOptions) -> tuple[Any, MlxTextCodec]:
    folder = Path(model.path)
    network, config = load_network(folder)
    if options.adapter is not None:
        apply_adapter(network, Path(options.adapter), model.name)
    tokenizer = load_tokenizer(folder, dict(SAFE_TOKENIZER), eos_token_ids=config.get("eos_token_id"))
    generation_config = json_object(folder / GENERATION_CONFIG)
    return network, MlxTextCodec(tokenizer, context_length(config), generation_config, json_object(folder / CONFIG))


def _seeing(model: LocatedModel, options: LoadOptions) -> tuple[Any, MlxTextCodec]:
    """mlx-vlm is imported for those who need it."""
    from adapters.inference.vision.loading import load_seeing

    folder = Path(model.path)
    return load_seeing(folder, options, json_object(folder / GENERATION_CONFIG))


def _engine(model: LocatedModel, network: Any, codec: MlxTextCodec, options: LoadOptions) -> TextEngine:
    """The batched one where that is possible."""
    alone = why_alone(network, options)
    options = _shared_out(options, mx.get_active_memory())
    prefixes = open_prefixes(network, model, options)
    if alone is None:
        return MlxTextEngine(network, codec.stop_tokens, Bounds(memory_bytes=options.memory_bytes), prefixes)
    return SoloLoader(model, network, codec.vocabulary).engine(options, codec.stop_tokens, alone, prefixes)


def _shared_out(options: LoadOptions, weights_bytes: int) -> LoadOptions:
    """What is left beside the weights is for rows; remembered prompts get a quarter of it at most."""
    if options.memory_bytes is None:
        return options
    cache = options.prefix_cache
    ram_bytes = min(cache.ram_bytes, max(0, options.memory_bytes - weights_bytes) // 4)
    return replace(
        options, prefix_cache=replace(cache, ram_bytes=ram_bytes), memory_bytes=options.memory_bytes - ram_bytes
    )


def json_object(path: Path) -> dict[str, object]:
    """{} for a file that is missing or holds no JSON object: mlx-lm is as lenient about generation_config.json."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
