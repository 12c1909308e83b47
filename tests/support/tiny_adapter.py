"""A LoRA adapter for a miniature, in the files that mlx-lm's training writes."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx


def tiny_adapter(folder: Path, hidden: int = 32, rank: int = 2, layer: int = 1) -> Path:
    """Of the query projection of one layer of TinyLlama; strong enough to change what it says."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = ["self_attn.q_proj"]
    config = {
        "fine_tune_type": "lora",
        "num_layers": 1,
        "lora_parameters": {"rank": rank, "scale": 20.0, "dropout": 0.0, "keys": keys},
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    name = f"model.layers.{layer}.{keys[0]}"
    one, other = mx.random.split(mx.random.key(3))
    weights = {
        f"{name}.lora_a": mx.random.normal((hidden, rank), key=one),
        f"{name}.lora_b": mx.random.normal((rank, hidden), key=other),
    }
    mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    return folder
