"""Writing the Whisper as files that mlx-audio loads."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import mlx.core as mx

from scripts.train_whisper.recipe import ALIGNED, Recipe, dimensions, preprocessor_config
from scripts.train_whisper.tokenizer import SpeechTokenizer

_COMPACT: Final = {"tokenizer.json"}


def save(folder: Path, recipe: Recipe, weights: dict[str, mx.array], tokenizer: SpeechTokenizer) -> None:
    """Write weights, tokenizer and configuration to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    every: dict[str, Any] = {
        **tokenizer.files(),
        "config.json": {"model_type": "whisper", **asdict(dimensions(recipe))},
        "generation_config.json": {"alignment_heads": [list(each) for each in ALIGNED]},
        "preprocessor_config.json": preprocessor_config(),
    }
    for name, value in every.items():
        text = json.dumps(value, indent=None if name in _COMPACT else 2, ensure_ascii=False)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
