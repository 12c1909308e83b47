"""A miniature's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten
from transformers import PreTrainedTokenizerFast


def save(folder: Path, model: nn.Module, tokenizer: PreTrainedTokenizerFast, files: Mapping[str, Any]) -> None:
    """Weights in 16 bits, the tokenizer, and JSON files by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: array.astype(mx.float16) for name, array in tree_flatten(model.parameters())}
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    tokenizer.save_pretrained(folder)
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
