"""How large the vision model is, and the configuration files that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from transformers import PreTrainedTokenizerFast

from scripts.train_vision.tokenizer import CONTEXT_TOKENS, END, IMAGE, VIDEO, VISION_END, VISION_START

PATCH: Final = 7
MERGE: Final = 2
PIXELS: Final = 56 * 56  # of every picture, about: eight patches by eight, sixteen tokens


@dataclass(frozen=True, slots=True)
class Recipe:
    """pool: how many drawings of each scene there are to learn from. school_batch: pictures in a step of the tower by
    itself. batch: conversations in a step of the whole. noted_steps: at the end, with notes before
    pictures.
    """

    hidden_size: int = 160
    layers: int = 4
    intermediate_size: int = 320
    vision_size: int = 96
    vision_depth: int = 3
    school_steps: int = 2500
    school_batch: int = 32
    steps: int = 1300
    batch: int = 16
    pool: int = 250
    learning_rate: float = 1.5e-3
    noted_steps: int = 500
    noted_rate: float = 9e-4


FULL: Final = Recipe()
TINY: Final = Recipe(64, 2, 128, 32, 1, school_steps=3, school_batch=2, steps=3, batch=2, pool=1, noted_steps=2)


def model_config(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """config.json: a small Qwen2-VL."""
    token_id = tokenizer.convert_tokens_to_ids
    return {
        "architectures": ["Qwen2VLForConditionalGeneration"],
        "model_type": "qwen2_vl",
        "hidden_size": recipe.hidden_size,
        "num_hidden_layers": recipe.layers,
        "intermediate_size": recipe.intermediate_size,
        "num_attention_heads": recipe.hidden_size // 32,
        "num_key_value_heads": 1,
        "rms_norm_eps": 1e-6,
        "vocab_size": (len(tokenizer) + 63) // 64 * 64,
        "max_position_embeddings": CONTEXT_TOKENS,
        "rope_theta": 10000.0,
        "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]},
        "tie_word_embeddings": True,
        "image_token_id": token_id(IMAGE),
        "video_token_id": token_id(VIDEO),
        "vision_start_token_id": token_id(VISION_START),
        "vision_end_token_id": token_id(VISION_END),
        "eos_token_id": token_id(END),
        "torch_dtype": "bfloat16",
        "vision_config": {
            "model_type": "qwen2_vl",
            "depth": recipe.vision_depth,
            "embed_dim": recipe.vision_size,
            "hidden_size": recipe.hidden_size,
            "num_heads": 4,
            "patch_size": PATCH,
            "spatial_patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 2,
            "mlp_ratio": 2,
            "in_channels": 3,
        },
    }


def preprocessor_config() -> dict[str, Any]:
    """preprocessor_config.json."""
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2VLProcessor",
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": MERGE,
        "min_pixels": PIXELS,
        "max_pixels": PIXELS,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
