"""What the key/value cache of one conversation costs, from config.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.numbers import whole_number

_NO_ATTENTION = ("linear_attention", "mamba", "mamba2", "recurrent", "conv", "ssm", "moe", "mlp")
_SLIDING = ("sliding_attention", "sliding_window", "local_attention", "chunked_attention")


@dataclass(frozen=True, slots=True)
class KvCost:
    """bytes_per_token: of the layers that keep every token. window_bytes_per_token, window: of the layers that keep at
    most the last `window` tokens.
    """

    bytes_per_token: int
    window_bytes_per_token: int = 0
    window: int = 0

    def bytes_for(self, tokens: int) -> int:
        """The cache after so many tokens."""
        return self.bytes_per_token * tokens + self.window_bytes_per_token * min(tokens, self.window)

    def tokens_in(self, room_bytes: int, at_most: int) -> int:
        """How many tokens fit into so many bytes."""
        if room_bytes <= 0:
            return 0
        within = self.bytes_per_token + self.window_bytes_per_token
        if within and room_bytes < within * self.window:
            return min(at_most, room_bytes // within)
        if not self.bytes_per_token:
            return at_most
        return min(at_most, (room_bytes - self.window_bytes_per_token * self.window) // self.bytes_per_token)


def kv_cost(config: Mapping[str, object]) -> KvCost | None:
    """The cost; None when the config lacks the numbers.

    Layers without attention (state-space, linear) cost nothing that grows; a kind that nobody knows costs as full
    attention does. Models with latent attention keep one compressed row per layer. A window counts only where the
    config tells which layers have it: elsewhere mlx-lm keeps every token.
    """
    text = config.get("text_config")
    place: Mapping[str, object] = {**config, **text} if isinstance(text, dict) else config
    layers = _number(place, "num_hidden_layers", "n_layer", "n_layers", "num_layers")
    row = _row_bytes(place)
    if layers is None or row is None:
        return None
    full, sliding = _kinds(place, layers)
    window = _number(place, "sliding_window", "attention_window_size", "attention_chunk_size") or 0
    if not window:
        full, sliding = full + sliding, 0
    return KvCost(bytes_per_token=full * row, window_bytes_per_token=sliding * row, window=window if sliding else 0)


def _row_bytes(place: Mapping[str, object]) -> int | None:
    """One token in one layer."""
    size = 4 if place.get("torch_dtype", place.get("dtype")) == "float32" else 2
    latent = _number(place, "kv_lora_rank")
    if latent is not None:
        return (latent + (_number(place, "qk_rope_head_dim") or 0)) * size
    heads = _number(place, "num_attention_heads", "n_head", "n_heads")
    kv_heads = _number(place, "num_key_value_heads", "n_kv_heads", "num_kv_heads") or heads
    width = _number(place, "head_dim")
    hidden = _number(place, "hidden_size", "n_embd", "d_model")
    if width is None and hidden is not None and heads is not None:
        width = hidden // heads
    return None if width is None or kv_heads is None else 2 * kv_heads * width * size


def _kinds(place: Mapping[str, object], layers: int) -> tuple[int, int]:
    """How many layers keep everything, and how many a window."""
    types = place.get("layer_types")
    if isinstance(types, list) and types:
        sliding = sum(kind in _SLIDING for kind in types)
        return len(types) - sliding - sum(kind in _NO_ATTENTION for kind in types), sliding
    pattern = _number(place, "sliding_window_pattern", "_sliding_window_pattern")
    if pattern is not None:
        full = layers // pattern
        return full, layers - full
    period = _number(place, "full_attention_interval", "attn_layer_period")
    if period is not None:
        return layers // period, 0
    return layers, 0


def _number(place: Mapping[str, object], *keys: str) -> int | None:
    """The first of these keys that holds a positive whole number."""
    for key in keys:
        value = whole_number(place.get(key))
        if value is not None and value > 0:
            return value
    return None
