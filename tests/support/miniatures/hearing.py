"""Models that see and hear in miniature, as seeing.py makes those that see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from mlx_vlm.models.gemma3n import vision as gemma3n_eyes
from mlx_vlm.models.gemma3n.config import EdgeResidualConfig, MultiQueryAttentionBlockConfig
from mlx_vlm.models.gemma3n.config import UniversalInvertedResidualConfig as Inverted

from tests.support.miniatures.seeing import CHATML, NORMAL, QWEN_3, TEXT, TURNS, SeeingMiniature

_GEMMA_TURNS = TURNS.replace(
    "<start_of_image>{% elif", "<image_soft>{% elif c['type'] == 'audio' %}<audio_soft>{% elif"
)
_GEMMA_SPECIAL = (
    "<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", "<boi>", "<eoi>", "<boa>", "<eoa>", "<|video|>",
    "<image_soft>", "<audio_soft>",
)  # fmt: skip
_GEMMA_TOKENIZER: Mapping[str, object] = {
    "eos_token": "<eos>", "bos_token": "<bos>", "pad_token": "<pad>",
    "extra_special_tokens": {
        "image_token": "<image_soft>", "boi_token": "<boi>", "eoi_token": "<eoi>",
        "audio_token": "<audio_soft>", "boa_token": "<boa>", "eoa_token": "<eoa>",
    },
}  # fmt: skip
_VOCABULARY = 256 + len(_GEMMA_SPECIAL)
GEMMA_4 = SeeingMiniature(
    "gemma4",
    _GEMMA_SPECIAL,
    {"hidden_size": 64},
    {
        "image_token_id": "<image_soft>", "audio_token_id": "<audio_soft>", "boi_token_id": "<boi>",
        "eoi_token_id": "<eoi>", "boa_token_id": "<boa>", "eoa_token_id": "<eoa>", "eos_token_id": "<end_of_turn>",
    },
    {
        **TEXT, "model_type": "gemma4_text", "num_hidden_layers": 4, "head_dim": 16, "global_head_dim": 16,
        "num_key_value_heads": 1, "vocab_size_per_layer_input": _VOCABULARY, "num_kv_shared_layers": 2,
        "hidden_size_per_layer_input": 8, "sliding_window": 24, "sliding_window_pattern": 2,
        "use_bidirectional_attention": "vision",
    },
    {
        "num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2,
        "num_key_value_heads": 2, "head_dim": 16, "global_head_dim": 16, "patch_size": 4, "default_output_length": 70,
        "pooling_kernel_size": 2, "position_embedding_size": 256,
    },
    _GEMMA_TOKENIZER,
    {
        "processor_config.json": {
            "processor_class": "Gemma4Processor", "audio_seq_length": 100, "audio_ms_per_token": 40,
            "image_processor": {"patch_size": 4, "max_soft_tokens": 70, "pooling_kernel_size": 2},
            "feature_extractor": {
                "feature_extractor_type": "Gemma4AudioFeatureExtractor", "sampling_rate": 16000, "fft_overdrive": True,
            },
        }
    },
    _GEMMA_TURNS,
    bos="<bos>",
    hearing={
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "subsampling_conv_channels": [8, 4],
        "conv_kernel_size": 3, "output_proj_dims": 32,
    },
)  # fmt: skip
GEMMA_3N = SeeingMiniature(
    "gemma3n",
    _GEMMA_SPECIAL,
    {"hidden_size": 64, "audio_soft_tokens_per_image": 20},
    {"image_token_id": "<image_soft>", "audio_token_id": "<audio_soft>", "eos_token_id": "<end_of_turn>"},
    {
        **TEXT, "model_type": "gemma3n_text", "num_hidden_layers": 4, "intermediate_size": [64] * 4, "head_dim": 16,
        "laurel_rank": 8,
        "vocab_size_per_layer_input": _VOCABULARY - 2, "hidden_size_per_layer_input": 8, "sliding_window": 24,
        "sliding_window_pattern": 2, "num_kv_shared_layers": 2, "query_pre_attn_scalar": 16,
        "rope_local_base_freq": 10000.0,
        "final_logit_softcapping": 30.0, "altup_num_inputs": 4, "altup_coef_clip": 120.0, "altup_correct_scale": True,
        "altup_active_idx": 0, "layer_types": ["sliding_attention", "full_attention"] * 2,
        "activation_sparsity_pattern": [0.0] * 4,
    },
    {"model_type": "gemma3n_vision", "hidden_size": 2048, "vocab_size": 1, "vocab_offset": _VOCABULARY - 2},
    _GEMMA_TOKENIZER,
    {
        "preprocessor_config.json": {
            "processor_class": "Gemma3nProcessor", "image_processor_type": "SiglipImageProcessor",
            "size": {"height": 256, "width": 256}, **NORMAL,
            "feature_extractor_type": "Gemma3nAudioFeatureExtractor", "feature_size": 128, "sampling_rate": 16000,
        },
        "processor_config.json": {"processor_class": "Gemma3nProcessor", "audio_seq_length": 20},
    },
    _GEMMA_TURNS,
    bos="<bos>",
    hearing={
        "input_feat_size": 128, "hidden_size": 32, "conf_num_attention_heads": 2, "conf_num_hidden_layers": 2,
        "conf_conv_kernel_size": 3, "conf_reduction_factor": 4, "sscp_conv_channel_size": [8, 4],
        "sscp_conv_kernel_size": [[3, 3], [3, 3]], "sscp_conv_stride_size": [[2, 2], [2, 2]],
        "vocab_size": 1, "vocab_offset": _VOCABULARY - 1,
    },
)  # fmt: skip
_QWEN_TEXT: Mapping[str, object] = {
    **QWEN_3.text, "num_experts": 4, "num_experts_per_tok": 2, "decoder_sparse_step": 1, "mlp_only_layers": [],
    "moe_intermediate_size": 32, "rope_scaling": {"rope_type": "default", "mrope_section": [4, 2, 2]},
}  # fmt: skip
_QWEN_SOUND = "<|audio_start|><|audio_pad|><|audio_end|>"
QWEN_3_OMNI = SeeingMiniature(
    "qwen3_omni_moe",
    (*QWEN_3.special, "<|audio_start|>", "<|audio_end|>", "<|audio_pad|>"),
    {"enable_audio_output": False, "talker_config": {"text_config": {**_QWEN_TEXT, "vocab_size": 64}}},
    {
        **QWEN_3.ids, "audio_token_id": "<|audio_pad|>", "audio_start_token_id": "<|audio_start|>",
        "audio_end_token_id": "<|audio_end|>",
    },
    _QWEN_TEXT,
    {
        **QWEN_3.vision, "model_type": "qwen3_omni_moe_vision_encoder", "spatial_patch_size": 16,
        "deepstack_visual_indexes": [0, 1],
    },
    {
        **QWEN_3.tokenizer,
        "extra_special_tokens": {
            "image_token": "<|image_pad|>", "video_token": "<|video_pad|>", "audio_token": "<|audio_pad|>",
            "vision_bos_token": "<|vision_start|>", "vision_eos_token": "<|vision_end|>",
            "audio_bos_token": "<|audio_start|>", "audio_eos_token": "<|audio_end|>",
        },
    },
    {
        "preprocessor_config.json": {
            **QWEN_3.files["preprocessor_config.json"], "processor_class": "Qwen3OmniMoeProcessor",
            "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 128, "sampling_rate": 16000,
            "hop_length": 160, "n_fft": 400, "chunk_length": 30, "return_attention_mask": True,
        },
        "video_preprocessor_config.json": {"patch_size": 16, "min_pixels": 4096, "max_pixels": 65536},
    },
    CHATML.replace("{% elif c['type'] == 'video' %}", f"{{% elif c['type'] == 'audio' %}}{_QWEN_SOUND}"
                   "{% elif c['type'] == 'video' %}"),
    hearing={
        "d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32, "num_hidden_layers": 1,
        "num_mel_bins": 128, "output_dim": 64, "downsample_hidden_size": 8, "max_source_positions": 1500,
    },
    thinker=True,
)  # fmt: skip
HEARING: Mapping[str, SeeingMiniature] = {"gemma4": GEMMA_4, "gemma3n": GEMMA_3N, "qwen3_omni_moe": QWEN_3_OMNI}


@contextmanager
def small_eyes() -> Iterator[None]:
    """Gemma 3n's eyes have one size, 300 million numbers: here they have four blocks of the same kinds."""
    blocks = [
        [EdgeResidualConfig(3, 128, 2, 1.0)],
        [Inverted(3, 5, 256, 2, 1.0)],
        [
            Inverted(5, 5, 640, 2, 1.0),
            MultiQueryAttentionBlockConfig(2, 16, 2),
            Inverted(0, 0, 640, 1, 1.0, is_multiscale=True),
        ],
        [Inverted(5, 5, 1280, 2, 1.0, is_multiscale=True)],
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gemma3n_eyes, "gemma3n_mobilenet_def", lambda: blocks)
        yield
