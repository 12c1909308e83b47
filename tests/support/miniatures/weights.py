"""Random weights for any architecture that mlx-lm has."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

NOISE = 0.1
UNSAID = 0.02
TIED = 0.2  # a louder embedding would make a model repeat what it has just said


def new_network(config: Mapping[str, object]) -> Any:
    """mlx-lm's class for this config, not yet loaded."""
    module = importlib.import_module(f"mlx_lm.models.{config['model_type']}")
    return module.Model(module.ModelArgs.from_dict(dict(config)))


def random_weights(
    config: Mapping[str, object], sayable: Sequence[bool], seed: int, gain: float
) -> dict[str, mx.array]:
    """Float32 weights from a fixed key, by name: matrices are normal with a deviation of gain / sqrt(inputs), vectors
    as the class makes them, with noise. sayable: for each token id, whether the model is to like it; the others score
    next to nothing, so that the babble can be read.
    """
    shapes = dict(tree_flatten(new_network(config).parameters()))
    names = sorted(shapes)
    keys = mx.random.split(mx.random.key(seed), len(names))
    weights = {name: _drawn(name, shapes[name], key, gain) for name, key in zip(names, keys, strict=True)}
    liked = mx.array([1.0 if like else UNSAID for like in sayable])[:, None]
    output = next((name for name in names if name.endswith("lm_head.weight")), None)
    tied = next(name for name in names if name.endswith(("embed_tokens.weight", "embeddings.weight")))
    weights[output or tied] = weights[output or tied] * liked * (1.0 if output else TIED)
    return weights


def _drawn(name: str, like: mx.array, key: mx.array, gain: float) -> mx.array:
    noise = mx.random.normal(like.shape, key=key)
    if name.endswith(("bias", "A_log")):  # random in the class itself
        return mx.multiply(noise, NOISE)
    if like.ndim == 1:
        return mx.add(like.astype(mx.float32), noise * NOISE)
    inputs = like.shape[-1] if like.shape[-1] > 1 else like.shape[-2]
    return mx.multiply(noise, gain / inputs**0.5)
