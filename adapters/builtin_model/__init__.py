"""The model that comes with mlxk: a folder like any other, `demo/`, beside this file."""

from __future__ import annotations

from pathlib import Path


def builtin_model_folder() -> Path:
    """The folder of `mlxk/demo`: config.json, weights, tokenizer and chat template."""
    return Path(__file__).resolve().parent / "demo"
