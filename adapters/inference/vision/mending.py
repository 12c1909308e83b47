"""What mlx-vlm gets wrong in a network, put right once it is loaded."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from adapters.inference.engine.probe import alike

GEMMA_3N = "gemma3n"
PROBE = (1, 2, 3, 4)


def mended(network: Any) -> Any:
    """The network itself. Each fault is looked for before it is mended, so that a library that knows better is left
    alone.

    Gemma 3n multiplies what stands for a word by the root of its width. mlx-vlm's language model does so where it is
    given words, and its `get_input_embeddings` forgets it (0.7.10): prompts would be read as other words than answers
    are. And its layers that use another layer's keys take their place from a cache that has moved on already: a prompt
    would say something else with every way of cutting it.
    """
    if getattr(network, "model_type", None) == GEMMA_3N:
        if _drifts(network.language_model):
            for layer in network.language_model.layers:
                if layer.self_attn.is_kv_shared_layer:
                    layer.self_attn.rope = _Behind(layer.self_attn.rope)
        if _forgets_scale(network):
            network.get_input_embeddings = _Scaled(network, network.get_input_embeddings)
    return network


def _drifts(speaker: Any) -> bool:
    """Two words after one another say something else than together."""
    words = mx.array([PROBE])
    together = speaker(words, cache=speaker.make_cache()).logits[:, -1]
    caches = speaker.make_cache()
    for at in range(len(PROBE)):
        last = speaker(words[:, at : at + 1], cache=caches).logits[:, -1]
    return not alike(last, together)


def _forgets_scale(network: Any) -> bool:
    words = mx.array([PROBE])
    found = network.get_input_embeddings(words).inputs_embeds
    return bool(mx.array_equal(found, network.language_model.model.embed_tokens(words)).item())


class _Behind:
    """A rotation for queries [rows, heads, tokens, size] that are told where they end, not where they begin."""

    def __init__(self, rope: Any) -> None:
        self._rope = rope

    def __call__(self, queries: mx.array, offset: Any) -> Any:
        return self._rope(queries, offset=offset - queries.shape[2])


class _Scaled:
    """`get_input_embeddings` with the words' part scaled; pictures and sounds have a scale of their own."""

    def __init__(self, network: Any, embed: Any) -> None:
        self._embed = embed
        self._first_picture = int(network.embed_vision.vocab_offset)
        self._scale = float(network.config.text_config.hidden_size) ** 0.5

    def __call__(self, input_ids: mx.array, pixel_values: mx.array | None = None, **shown: Any) -> Any:
        made = self._embed(input_ids, pixel_values, **shown)
        plain = pixel_values is None and shown.get("input_features") is None
        words = mx.ones(input_ids.shape, dtype=mx.bool_) if plain else input_ids < self._first_picture
        scaled = made.inputs_embeds * mx.array(self._scale, made.inputs_embeds.dtype)
        made.inputs_embeds = mx.where(words[..., None], scaled, made.inputs_embeds)
        return made
