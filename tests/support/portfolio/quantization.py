"""How many bits a model's weights have, from its files."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.reporting.model_facts import from_name
from domain.catalog.model_ref import cache_folder_name
from tests.support.portfolio.kinds import PortfolioModel

_KINDS = {"BF16": "bf16", "F16": "fp16", "F32": "fp32"}


def with_quantization(model: PortfolioModel) -> PortfolioModel:
    """As its name says it, else its files."""
    told = from_name(model.name).quantization
    if told is None and model.home is not None:
        told = quantization_in(model.home / "hub", model.name)
    return replace(model, quantization=told)


def quantization_in(hub: Path, name: str) -> str | None:
    """`4bit`, `mxfp4`, or what most of the weights are where they are not quantized: `bf16`. None: nothing tells."""
    for config in sorted((hub / cache_folder_name(name)).glob("snapshots/*/config.json")):
        told = _declared(config) or _of_weights(config.parent)
        if told is not None:
            return told
    return None


def _declared(config: Path) -> str | None:
    try:
        rules = json.loads(config.read_bytes())["quantization"]
        mode, bits = rules.get("mode", "affine"), rules["bits"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return f"{bits}bit" if mode == "affine" else str(mode)


def _of_weights(snapshot: Path) -> str | None:
    kinds: Counter[str] = Counter()
    for file in snapshot.glob("*.safetensors"):
        for tensor in _header(file).values():
            kinds[str(tensor.get("dtype"))] += 1
    return next((_KINDS[kind] for kind, _ in kinds.most_common(1) if kind in _KINDS), None)


def _header(file: Path) -> dict[str, Any]:
    with file.open("rb") as weights:
        length = int.from_bytes(weights.read(8), "little")
        found: dict[str, Any] = json.loads(weights.read(length))
    return {name: each for name, each in found.items() if name != "__metadata__"}
