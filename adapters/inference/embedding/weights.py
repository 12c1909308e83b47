"""A folder's tensors, into a network of mlx-vlm's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn

INDEX, ENDING = "model.safetensors.index.json", ".safetensors"
PYTORCH = ("pytorch_model.bin", "model.pt", "model.pth")
# What checkpoints have beside what makes vectors: heads of the training, and tables that are computed.
NEEDLESS = ("position_ids", "rotary_emb.inv_freq", "lm_head.", "cls.", "pooler.", "mlm_head.", "score.")
OLD_NAMES = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))
GROUP_SIZE, BITS = 64, 4


def read_tensors(folder: Path) -> dict[str, mx.array]:
    """Those of the folder itself, by the names in its files. Raises ValueError for a folder without safetensors, or
    whose index names other files; whatever MLX raises for broken ones.
    """
    paths = _files(folder)
    if not paths:
        pickled = next((each for each in PYTORCH if (folder / each).exists()), None)
        why = f"{pickled} is a pickle, which is never read" if pickled else f"there is no *{ENDING} in it"
        raise ValueError(f"its weights cannot be read: {why}")
    tensors: dict[str, mx.array] = {}
    for path in paths:
        tensors.update(_tensors(path))
    return {_newer(key): value for key, value in tensors.items()}


def fill(network: Any, tensors: Mapping[str, mx.array], config: Mapping[str, Any], keep: tuple[str, ...] = ()) -> None:
    """Give a network its weights, quantised where they are. keep: beginnings of names that are wanted although they are
    usually needless. Raises ValueError for weights that are missing or too many.
    """
    unwanted = tuple(each for each in NEEDLESS if each not in keep)
    weights = {
        key: value
        for key, value in network.sanitize(dict(tensors)).items()
        if not any(key.startswith(each) or (not each.endswith(".") and each in key) for each in unwanted)
    }
    quantisation = config.get("quantization") or config.get("quantization_config")
    if isinstance(quantisation, Mapping):
        _quantise(network, quantisation, weights)
    network.load_weights(list(weights.items()), strict=True)
    network.eval()
    mx.eval(network.parameters())


def _quantise(network: Any, quantisation: Mapping[str, Any], weights: Mapping[str, mx.array]) -> None:
    """Layers whose scales are there. One may have numbers of its own, under its name."""

    def wanted(path: str, module: Any) -> bool | dict[str, Any]:
        if not hasattr(module, "to_quantized") or f"{path}.scales" not in weights:
            return False
        own = quantisation.get(path)
        return dict(own) if isinstance(own, Mapping) else True

    nn.quantize(
        network,
        group_size=int(quantisation.get("group_size", GROUP_SIZE)),
        bits=int(quantisation.get("bits", BITS)),
        mode=str(quantisation.get("mode", "affine")),
        class_predicate=wanted,
    )


def _files(folder: Path) -> list[Path]:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return sorted(path for path in folder.glob(f"*{ENDING}") if path.name != f"consolidated{ENDING}")
    named = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(named, dict) or not named:
        raise ValueError(f"{INDEX} names no files")
    names = sorted({str(name) for name in named.values()})
    for name in names:
        if Path(name).name != name or not name.endswith(ENDING):
            raise ValueError(f"{INDEX} names {name!r}, which is no safetensors file of this folder")
    return [folder / name for name in names]


def _tensors(path: Path) -> dict[str, mx.array]:
    tensors = mx.load(str(path), format="safetensors")
    if not isinstance(tensors, dict):
        raise TypeError(f"{path.name} holds no tensors by name")
    return tensors


def _newer(key: str) -> str:
    for old, new in OLD_NAMES:
        key = key.replace(old, new)
    return key
