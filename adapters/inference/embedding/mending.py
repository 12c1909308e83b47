"""Where mlx-vlm's networks, or the words of its configs, are not quite those of the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mlx.core as mx
from mlx import nn

GLOBAL = "full_attention"


def finite_masks(mask: mx.array, reach: int, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
    """What is added to scores: for layers that look everywhere, and for those that look `reach` tokens far both ways.
    mask [rows, length]: 1 where there is text. Both [rows, 1, length, length].

    What stands behind a text looks at itself at least: a row of scores that are all minus infinity has no softmax, and
    what is no number spreads to the texts in the next layer.
    """
    places = mx.arange(mask.shape[1])
    distance = mx.abs(places[:, None] - places[None])
    there = mask[:, None, None, :].astype(mx.bool_)
    far = mx.logical_or(there, (distance == 0)[None, None])
    near = mx.logical_and(far, (distance <= reach)[None, None])
    least = mx.array(mx.finfo(dtype).min, dtype)
    nothing = mx.array(0, dtype)
    return mx.where(far, nothing, least), mx.where(near, nothing, least)


def mend_modernbert(network: Any) -> None:
    """The exact GELU, as the models say, for its approximation; masks that are finite in 16 bits too."""

    def masks(mask: mx.array, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
        return finite_masks(mask, network.local_attention // 2, dtype)

    network._masks = masks
    for layer in network.layers:
        layer.mlp.act = nn.GELU()
    if hasattr(network, "head"):
        network.head.act = nn.GELU()


def in_words_of_the_library(config: Mapping[str, Any], family: str) -> dict[str, Any]:
    """transformers 5 writes some things otherwise than those before it, whose words mlx-vlm reads. Raises ValueError
    for an order of layers that those words cannot tell.
    """
    own = dict(config)
    if family == "modernbert":
        _told_by_kind(own, "global_rope_theta", "local_rope_theta")
        _every_how_many(own, "global_attn_every_n_layers", first=0)
    elif family == "gemma3_embedding":
        _renamed(own, "rope_theta", "rope_global_base_freq")
        _renamed(own, "rope_local_base_freq", "rope_local_base_freq")
        _renamed(own, "_sliding_window_pattern", "sliding_window_pattern")
        _told_by_kind(own, "rope_global_base_freq", "rope_local_base_freq")
    elif family == "qwen3_embedding":
        own.setdefault("tie_word_embeddings", True)
        rope = own.get("rope_parameters")
        if isinstance(rope, Mapping) and "rope_theta" in rope:
            own.setdefault("rope_theta", rope["rope_theta"])
    return own


def _told_by_kind(own: dict[str, Any], everywhere: str, nearby: str) -> None:
    rope = own.get("rope_parameters")
    for key, kind in ((everywhere, GLOBAL), (nearby, "sliding_attention")):
        told = rope.get(kind) if isinstance(rope, Mapping) else None
        if isinstance(told, Mapping) and "rope_theta" in told:
            own.setdefault(key, told["rope_theta"])


def _every_how_many(own: dict[str, Any], key: str, *, first: int) -> None:
    """From the list of layers to every how many looks everywhere."""
    layers = own.get("layer_types")
    if not isinstance(layers, Sequence) or key in own:
        return
    places = [at for at, kind in enumerate(layers) if kind == GLOBAL]
    every = places[1] - places[0] if len(places) > 1 else max(len(layers), 1)
    if places != list(range(first, len(layers), every)):
        raise ValueError(f"its layers {list(layers)} do not look everywhere at one distance")
    own[key] = every


def _renamed(own: dict[str, Any], theirs: str, ours: str) -> None:
    if theirs in own:
        own.setdefault(ours, own[theirs])
