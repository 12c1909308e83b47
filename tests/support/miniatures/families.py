"""The families of models that the tests know, in miniature. One more is one more config."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.miniatures.miniature import Miniature

SIZES: Mapping[str, object] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": False,
}
CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
THINKING = (*CHATML, "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
TURNS = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")
INSTRUCTIONS = ("<unk>", "<s>", "</s>", "[INST]", "[/INST]")
TOOL_INSTRUCTIONS = (
    *INSTRUCTIONS,
    *("[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
)
HARMONY = (
    *("<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>"),
    *("<|start|>", "<|end|>", "<|message|>", "<|call|>"),
)
MARKED = ("<|endoftext|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
CALLS_AS_CODE = (
    *("<|startoftext|>", *CHATML, "<|tool_list_start|>", "<|tool_list_end|>", "<|tool_call_start|>"),
    *("<|tool_call_end|>", "<|tool_response_start|>", "<|tool_response_end|>"),
)


def _sized(model_type: str, **config: object) -> dict[str, object]:
    return {**SIZES, "model_type": model_type, **config}


def _thinking(seed: int, **config: object) -> Miniature:
    return Miniature(
        config,
        THINKING,
        seed=seed,
        stops=("<|im_end|>", "<|endoftext|>"),
        stops_in="generation_config",
        template="chatml_thinking.jinja",
        generation_config={"temperature": 0.6, "top_p": 0.95, "top_k": 20},
        padding=7,
    )


def _turns(seed: int, **config: object) -> Miniature:
    return Miniature(config, TURNS, ("<eos>", "<end_of_turn>"), "turns.jinja", bos="<bos>", seed=seed)


def _chatml(seed: int, **config: object) -> Miniature:
    return Miniature(config, THINKING, ("<|im_end|>",), "chatml_thinking.jinja", seed=seed)


MAMBA2: Mapping[str, object] = {
    "mamba_chunk_size": 16,
    "mamba_d_conv": 4,
    "mamba_d_head": 8,
    "mamba_d_ssm": 64,
    "mamba_d_state": 8,
    "mamba_n_heads": 8,
}

# Per architecture of mlx-lm; the key is its model_type unless it says otherwise. The seeds are those of the first 15
# whose greedy answers in test_architectures.py lie farthest from a near-tie.
MINIATURES: Mapping[str, Miniature] = {
    "llama": Miniature(
        _sized("llama"),
        ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>"),
        seed=3,
        stops=("<|end|>",),
        template="plain.jinja",
    ),
    "qwen3": _thinking(13, **_sized("qwen3")),
    "qwen3_moe": _thinking(
        15,
        **_sized("qwen3_moe", num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32),
        decoder_sparse_step=1,
        mlp_only_layers=[],
        norm_topk_prob=True,
    ),
    "qwen3_next": _thinking(
        14,
        **_sized("qwen3_next", num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32),
        decoder_sparse_step=1,
        mlp_only_layers=[],
        shared_expert_intermediate_size=32,
        full_attention_interval=2,
        partial_rotary_factor=0.5,
        linear_num_value_heads=4,
        linear_num_key_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        linear_conv_kernel_dim=4,
    ),
    "gemma2": _turns(6, **_sized("gemma2", query_pre_attn_scalar=8)),
    "gemma3_text": _turns(
        11, **_sized("gemma3_text", query_pre_attn_scalar=8, sliding_window=16, sliding_window_pattern=2)
    ),
    "mixtral": Miniature(
        _sized("mixtral", num_local_experts=4, num_experts_per_tok=2),
        TOOL_INSTRUCTIONS,
        seed=15,
        stops=("</s>",),
        template="instructions.jinja",
        bos="<s>",
    ),
    "mistral": Miniature(
        _sized("llama", architectures=["MistralForCausalLM"]),
        TOOL_INSTRUCTIONS,
        seed=5,
        stops=("</s>",),
        template="instructions.jinja",
        bos="<s>",
    ),
    "phi3": Miniature(
        _sized("phi3"),
        MARKED,
        seed=2,
        stops=("<|endoftext|>",),
        stops_in="generation_config",
        template="marked_turns.jinja",
    ),
    "gpt_oss": Miniature(
        _sized("gpt_oss", num_local_experts=4, num_experts_per_tok=2, sliding_window=16),
        HARMONY,
        seed=5,
        stops=("<|return|>", "<|endoftext|>", "<|call|>"),
        stops_in="generation_config",
        template="harmony.jinja",
    ),
    "falcon_h1": _chatml(5, **_sized("falcon_h1", **MAMBA2)),
    "jamba": _chatml(
        14,
        **_sized("jamba", attn_layer_offset=1, attn_layer_period=2, expert_layer_offset=1, expert_layer_period=2),
        mamba_d_conv=4,
        mamba_d_state=8,
        mamba_expand=2,
        num_experts=4,
        num_experts_per_tok=2,
    ),
    "nemotron_h": _chatml(
        3,
        **_sized("nemotron_h", hybrid_override_pattern=["M", "*", "M", "-"]),
        attention_bias=False,
        mamba_num_heads=4,
        mamba_head_dim=8,
        mamba_proj_bias=False,
        ssm_state_size=8,
        conv_kernel=4,
        n_groups=1,
        mlp_bias=False,
        layer_norm_epsilon=1e-5,
        use_bias=False,
        use_conv_bias=True,
    ),
    "lfm2": Miniature(
        _sized("lfm2", norm_eps=1e-5, conv_bias=False, conv_L_cache=3, full_attn_idxs=[1])
        | {"block_dim": 32, "block_ff_dim": 64, "block_multiple_of": 16, "block_ffn_dim_multiplier": 1.0}
        | {"block_auto_adjust_ff_dim": False},
        CALLS_AS_CODE,
        seed=2,
        stops=("<|im_end|>",),
        template="chatml_calls_as_code.jinja",
        bos="<|startoftext|>",
    ),
}
