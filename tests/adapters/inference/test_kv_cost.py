"""What config.json says of the KV cache is what mlx-lm's caches then hold, to the byte."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models.cache import KVCache, RotatingKVCache, make_prompt_cache
from mlx_lm.utils import _get_classes

from domain.serving.kv_cost import kv_cost

TOKENS = 1024
WINDOW = 256
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "rms_norm_eps": 1e-5,
    "vocab_size": 64,
    "torch_dtype": "float32",
    "max_position_embeddings": 4096,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}
SHAPES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": WINDOW},
    "gemma3_text": {"sliding_window": WINDOW, "sliding_window_pattern": 3, "query_pre_attn_scalar": 8},
    "gpt_oss": {
        "sliding_window": WINDOW,
        "layer_types": ["sliding_attention", "full_attention"] * 3,
        "num_local_experts": 2,
        "num_experts_per_tok": 1,
        "rope_scaling": {"rope_type": "default"},
    },
    "deepseek_v3": {
        "kv_lora_rank": 16,
        "q_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
        "num_key_value_heads": 4,
        "first_k_dense_replace": 6,
        "n_routed_experts": None,
        "moe_intermediate_size": 32,
    },
    "qwen3_next": {
        "full_attention_interval": 3,
        "linear_num_value_heads": 2,
        "linear_num_key_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_conv_kernel_dim": 4,
        "num_experts": 0,
        "num_experts_per_tok": 0,
        "decoder_sparse_step": 1,
        "shared_expert_intermediate_size": 0,
        "mlp_only_layers": [],
        "moe_intermediate_size": 0,
        "partial_rotary_factor": 1.0,
    },
}


@pytest.mark.parametrize("kind", SHAPES)
def test_the_forecast_is_what_the_cache_holds(kind: str) -> None:
    config = {**SMALL, **SHAPES[kind], "model_type": kind}
    model_class, arguments = _get_classes(config)
    model = model_class(arguments.from_dict(config))
    caches = make_prompt_cache(model)
    # The last token alone, as decoding does it: a window cache drops what it kept for a longer piece only then.
    for length in (WINDOW, WINDOW, WINDOW, WINDOW - 1, 1):
        model(mx.zeros((1, length), dtype=mx.int32), cache=caches)
        mx.eval([each.state for each in caches])
    held = sum(each.nbytes for each in caches if isinstance(each, KVCache | RotatingKVCache))
    cost = kv_cost(config)
    assert cost is not None
    assert cost.bytes_for(TOKENS) == held
