"""Networks with random weights for each kind of cache, and caches whose rows tell which tokens they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import KVCache, QuantizedKVCache, make_prompt_cache

VOCABULARY = 64
CHUNK = 512
_COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
}  # fmt: skip
YARN = {
    "type": "yarn", "factor": 1.0, "original_max_position_embeddings": 4096, "mscale": 1.0, "mscale_all_dim": 0,
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {**_COMMON, "hidden_size": 64, "rope_theta": 10000.0},
    "gemma3_text": {**_COMMON, "head_dim": 16, "num_key_value_heads": 1, "sliding_window": 40,
                    "sliding_window_pattern": 2, "query_pre_attn_scalar": 16},
    "lfm2": {**_COMMON, "norm_eps": 1e-5, "conv_bias": False, "conv_L_cache": 3, "block_dim": 32,
             "block_multiple_of": 16, "block_ffn_dim_multiplier": 1.0, "block_auto_adjust_ff_dim": False,
             "layer_types": ["conv", "full_attention"]},
    "falcon_h1": {**_COMMON, "head_dim": 16, "mamba_d_head": 8, "mamba_d_ssm": 32, "mamba_d_state": 8,
                  "mamba_n_heads": 4, "mamba_chunk_size": 16},
    "deepseek_v2": {**_COMMON, "kv_lora_rank": 16, "q_lora_rank": None, "qk_rope_head_dim": 8, "v_head_dim": 12,
                    "qk_nope_head_dim": 16, "moe_intermediate_size": 16, "rope_scaling": YARN,
                    "first_k_dense_replace": 5},
}  # fmt: skip
CUTTABLE = ("llama", "deepseek_v2", "llama quantised")
EXACT = ("gemma3_text", "lfm2", "falcon_h1")


def network(name: str) -> Any:
    """The same weights at every call."""
    kind = name.partition(" ")[0]
    module = import_module(f"mlx_lm.models.{kind}")
    mx.random.seed(3)
    model = module.Model(module.ModelArgs.from_dict({"model_type": kind, **CONFIGS[kind]}))
    mx.eval(model.parameters())
    return model


def fresh(name: str, model: Any) -> list[Any]:
    caches: list[Any] = make_prompt_cache(model)
    return [QuantizedKVCache(32, 8) for _ in caches] if name.endswith("quantised") else caches


def read(model: Any, caches: list[Any], tokens: Sequence[int]) -> Any:
    """Read on, in chunks; the last logits."""
    logits = None
    for start in range(0, len(tokens), CHUNK):
        logits = model(mx.array([list(tokens[start : start + CHUNK])]), cache=caches)[0, -1]
        mx.eval(logits, [cache.state for cache in caches])
    return logits


def spoken(model: Any, caches: list[Any], logits: Any, count: int) -> list[int]:
    """The likeliest tokens from here on."""
    found: list[int] = []
    for _ in range(count):
        found.append(int(np.argmax(np.array(logits))))
        logits = model(mx.array([[found[-1]]]), cache=caches)[0, -1]
    return found


def row_of(tokens: Sequence[int]) -> float:
    """What stands in a told cache at the last of these tokens."""
    digest = hashlib.blake2b(np.asarray(tokens, dtype=np.int64).tobytes(), digest_size=3)
    return float(int.from_bytes(digest.digest(), "big"))


def told(tokens: Sequence[int]) -> list[Any]:
    """One KV cache whose every row is a digest of all the tokens up to it."""
    rows = np.array([row_of(tokens[: at + 1]) for at in range(len(tokens))], dtype=np.float32)
    cache = KVCache()
    cache.update_and_fetch(mx.array(rows[None, None, :, None]), mx.array(-rows[None, None, :, None]))
    mx.eval(cache.state[:2])
    return [cache]


def tells(caches: Sequence[Any], tokens: Sequence[int]) -> bool:
    """Whether this is what `told` makes of these tokens."""
    (cache,) = caches
    keys, values = cache.keys_and_values()
    expected = [row_of(tokens[: at + 1]) for at in range(len(tokens))]
    return bool(
        cache.offset == len(tokens)
        and np.array_equal(np.array(keys)[0, 0, :, 0], expected)
        and np.array_equal(np.array(values)[0, 0, :, 0], [-each for each in expected])
    )


def numbers(count: int, seed: int = 0) -> tuple[int, ...]:
    """Tokens at random, the same for a seed."""
    return tuple(int(each) for each in np.random.default_rng(seed).integers(0, VOCABULARY, count))
