"""A model folder to an engine and a codec, with mlx-lm."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model, load_tokenizer

from adapters.inference.text_codec import MlxTextCodec
from adapters.inference.text_engine import MlxTextEngine
from domain.catalog import LocatedModel
from domain.errors import ModelNotRunnable
from domain.inference.context_length import context_length
from domain.serving.load_options import LoadOptions
from ports.model_worker import LoadedModel
from ports.text_runtime import LoadedText


def load_text(model: LocatedModel, options: LoadOptions) -> LoadedText:  # noqa: ARG001
    """Read weights and tokenizer. Raises whatever mlx-lm and transformers raise; ModelNotRunnable of its own."""
    folder = Path(model.path)
    network, config = load_model(folder, trust_remote_code=False)
    _require_batched_caches(model, network)
    tokenizer = load_tokenizer(
        folder,
        {"trust_remote_code": False, "local_files_only": True},
        eos_token_ids=config.get("eos_token_id"),
    )
    generation_config = json_object(folder / "generation_config.json")
    named_ids = eos_ids(json_object(folder / "config.json"), generation_config)
    engine = MlxTextEngine(network, frozenset(tokenizer.eos_token_ids) | named_ids)
    codec = MlxTextCodec(tokenizer, context_length(config), generation_config)
    gc.collect()
    gc.freeze()  # the libraries' hundreds of thousands of objects are never garbage: do not look at them again
    facts = LoadedModel(model.name, codec.context_length, os.getpid(), mx.get_active_memory())
    return LoadedText(engine, codec, facts)


def eos_ids(*configs: Mapping[str, object]) -> frozenset[int]:
    """Every stop token that the files name: `eos_token_id` is a number or a list of them."""
    found: set[int] = set()
    for config in configs:
        value = config.get("eos_token_id")
        values = value if isinstance(value, list) else [value]
        found.update(item for item in values if isinstance(item, int) and not isinstance(item, bool))
    return frozenset(found)


def json_object(path: Path) -> dict[str, object]:
    """{} for a file that is missing or holds no JSON object: mlx-lm is as lenient about generation_config.json."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _require_batched_caches(model: LocatedModel, network: Any) -> None:
    """Some cache classes have no batched form in mlx-lm; better said now than at the first request."""
    lacking = {type(layer).__name__ for layer in make_prompt_cache(network) if not hasattr(layer, "merge")}
    if lacking:
        raise ModelNotRunnable(f"mlx-lm cannot decode {model.name} in batches: no batched {', '.join(sorted(lacking))}")
