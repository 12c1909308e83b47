"""A model folder to a network that sees, with mlx-vlm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlx_vlm.utils import load_model

from adapters.inference.network_loading import without_wildcards
from adapters.inference.vision.mending import mended
from adapters.inference.vision.sealing import sealed
from domain.errors import UnsupportedMultimodal

INDEX = "model.safetensors.index.json"
OFFLOADED = "offload_index.json"
ENDING = ".safetensors"
EYES = ("vision_tower", "vision_model", "visual", "vision_encoder")  # None where mlx-vlm has found no weights for it

EARS = ("audio_tower", "audio_model", "audio_encoder", "embed_audio")


def load_seeing_network(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The network, its weights in memory, and the model's config.

    Raises whatever mlx-vlm raises; ValueError for a folder that brings code, or weights of another kind than
    safetensors; UnsupportedMultimodal for a network without a language model or a place for pictures.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ValueError("config.json holds no object")
    _refuse_tricks(folder, config)
    with without_wildcards(folder) as plain, sealed():
        network = load_model(plain)
    if not hasattr(network, "language_model") or not hasattr(network, "get_input_embeddings"):
        raise unsupported(config, "it makes no text of pictures")
    if any(getattr(network, name, network) is None for name in EYES):
        raise unsupported(config, "its folder holds no weights of what looks at them")
    network.model_path = folder  # not the name it was loaded under
    return mended(network), config


def why_deaf(network: Any) -> str | None:
    """Why a network that sees is given no sounds; None where nothing speaks against it."""
    if any(getattr(network, name, network) is None for name in EARS):
        return "its folder holds no weights of what listens"
    if hasattr(network, "set_modality"):
        return "its layers change with what it hears, for all who talk to it at once"
    return None


def unsupported(config: Mapping[str, Any], why: str) -> UnsupportedMultimodal:
    """config: the model's."""
    return UnsupportedMultimodal(
        f"models of type {config.get('model_type')} cannot be shown pictures here: {why}",
        hint="take a vision model of another family",
    )


def _refuse_tricks(folder: Path, config: Mapping[str, Any]) -> None:
    if config.get("model_file"):
        raise ValueError(f"it brings its own code ({config['model_file']}), which is never run")
    if (folder / OFFLOADED).exists():
        raise ValueError(f"its weights are to stay on the disk ({OFFLOADED}), which is not supported")
    for name in _shards(folder):
        if Path(name).name != name or not name.endswith(ENDING):
            raise ValueError(f"{INDEX} names {name!r}, which is no safetensors file of this folder")


def _shards(folder: Path) -> set[str]:
    """Those that an index names; mlx-vlm takes every safetensors file where there is none that can be read."""
    try:
        weight_map = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
        return {str(name) for name in weight_map.values()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return set()
