"""From a model's folder to what hears."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

import mlx.core as mx

from domain.catalog import LocatedModel
from domain.serving.load_options import LoadOptions
from ports.model_worker import LoadedModel
from ports.sound_engine import LoadedSound

WHISPER = "whisper"


def load_ears(model: LocatedModel, options: LoadOptions) -> LoadedSound:
    """Raises ModelNotRunnable for a family that is not known or lacks files, ValueError and what the libraries raise
    for files that make no sense.
    """
    config = json.loads((Path(model.path) / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ValueError("config.json holds no object")
    if config.get("model_type", WHISPER if "n_text_ctx" in config else None) == WHISPER:
        from adapters.inference.hearing.whisper_loading import load_whisper

        engine, codec, context = load_whisper(model, config, options)
    else:
        from adapters.inference.hearing.family_loading import load_family

        engine, codec, context = load_family(model, config)
    gc.collect()
    gc.freeze()  # the model is no garbage either
    device = "cpu" if mx.default_device() == mx.cpu else "gpu"
    facts = LoadedModel(model.name, context, os.getpid(), mx.get_active_memory(), device)
    return LoadedSound(engine, codec, facts)
