"""Vision models with random weights, one of each kind of family, and prompts that show pictures of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_map_with_path
from mlx_vlm.generate import generate_step

from adapters.inference.engine.vision import VisionNetwork, vision_network
from ports.text_codec import PromptMedia, PromptPicture

VOCABULARY = 64
IMAGE, START, END, VIDEO = 60, 61, 62, 63
_TEXT = {
    "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "num_attention_heads": 2,
    "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "vocab_size": VOCABULARY, "max_position_embeddings": 4096,
}  # fmt: skip
_QWEN = {
    "image_token_id": IMAGE, "video_token_id": VIDEO, "vision_start_token_id": START, "vocab_size": VOCABULARY,
}  # fmt: skip
_QWEN_TEXT = {**_TEXT, "rope_theta": 10000.0, "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}
_QWEN_SIGHT = {"depth": 2, "num_heads": 2, "patch_size": 4, "spatial_patch_size": 4}
_SIGLIP = {"num_hidden_layers": 2, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2}
_CONFIGS: dict[str, dict[str, Any]] = {
    "qwen2_vl": {
        **_QWEN, "text": {**_QWEN_TEXT, "model_type": "qwen2_vl"},
        "vision": {**_QWEN_SIGHT, "model_type": "qwen2_vl", "embed_dim": 16, "hidden_size": 32, "mlp_ratio": 2},
    },
    "qwen2_5_vl": {
        **_QWEN, "text": {**_QWEN_TEXT, "model_type": "qwen2_5_vl"},
        "vision": {**_QWEN_SIGHT, "model_type": "qwen2_5_vl", "hidden_size": 16, "intermediate_size": 24,
                   "out_hidden_size": 32, "window_size": 16, "fullatt_block_indexes": [1]},
    },
    "qwen3_vl": {
        **_QWEN, "text": {**_QWEN_TEXT, "model_type": "qwen3_vl", "head_dim": 16},
        "vision": {**_QWEN_SIGHT, "model_type": "qwen3_vl", "hidden_size": 16, "intermediate_size": 24,
                   "out_hidden_size": 32, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]},
    },
    "gemma3": {
        "hidden_size": 32, "image_token_index": IMAGE, "vocab_size": VOCABULARY,
        "text": {**_TEXT, "model_type": "gemma3_text", "head_dim": 16, "query_pre_attn_scalar": 16,
                 "sliding_window": 24, "sliding_window_pattern": 2, "mm_tokens_per_image": 4},
        "vision": {**_SIGLIP, "model_type": "siglip_vision_model", "patch_size": 4, "image_size": 16},
    },
    "llava": {
        "image_token_index": IMAGE, "vocab_size": VOCABULARY,
        "text": {**_TEXT, "model_type": "llama"},
        "vision": {**_SIGLIP, "model_type": "clip_vision_model", "patch_size": 4, "image_size": 12},
    },
    "idefics3": {
        "image_token_id": IMAGE, "vocab_size": VOCABULARY, "scale_factor": 2,
        "text": {**_TEXT, "model_type": "llama"},
        "vision": {**_SIGLIP, "model_type": "idefics3", "patch_size": 4, "image_size": 16},
    },
    "paligemma": {
        "hidden_size": 32, "image_token_index": IMAGE, "vocab_size": VOCABULARY,
        "text": {**_TEXT, "model_type": "gemma", "head_dim": 16, "use_bidirectional_attention": True},
        "vision": {**_SIGLIP, "model_type": "siglip_vision_model", "patch_size": 4, "image_size": 8,
                   "projection_dim": 32},
    },
    "gemma4": {
        "hidden_size": 32, "image_token_id": IMAGE, "audio_token_id": START, "vocab_size": VOCABULARY,
        "text": {**_TEXT, "model_type": "gemma4_text", "num_hidden_layers": 4, "head_dim": 16, "global_head_dim": 16,
                 "num_key_value_heads": 1, "vocab_size_per_layer_input": VOCABULARY, "num_kv_shared_layers": 2,
                 "hidden_size_per_layer_input": 8, "sliding_window": 24, "sliding_window_pattern": 2,
                 "use_bidirectional_attention": "vision"},
        "vision": {"num_hidden_layers": 2, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2,
                   "num_key_value_heads": 2, "head_dim": 8, "global_head_dim": 8, "patch_size": 4,
                   "default_output_length": 4, "pooling_kernel_size": 2, "position_embedding_size": 64},
    },
    "lfm2_vl": {
        "image_token_id": IMAGE, "projector_hidden_size": 32, "downsample_factor": 2,
        "text": {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "num_attention_heads": 2,
                 "num_key_value_heads": 2, "vocab_size": VOCABULARY, "block_dim": 32, "block_multiple_of": 16,
                 "block_auto_adjust_ff_dim": False, "conv_dim": 32, "conv_dim_out": 32, "num_heads": 2,
                 "layer_types": ["conv", "full_attention"]},
        "vision": {**_SIGLIP, "patch_size": 4, "num_patches": 16, "image_size": 16},
    },
    "pixtral": {
        "image_token_index": IMAGE, "vocab_size": VOCABULARY,
        "text": {**_TEXT, "model_type": "mistral", "head_dim": 16},
        "vision": {**_SIGLIP, "head_dim": 8, "patch_size": 4, "image_size": 16},
    },
    "mistral3": {
        "image_token_index": IMAGE, "vocab_size": VOCABULARY,
        "text": {**_TEXT, "model_type": "mistral", "head_dim": 16, "rope_theta": 10000.0},
        "vision": {**_SIGLIP, "model_type": "pixtral", "head_dim": 8, "patch_size": 4, "image_size": 16},
    },
    "internvl_chat": {
        "image_token_index": IMAGE, "vocab_size": VOCABULARY,
        "text": {**_TEXT, "model_type": "qwen2"},
        "vision": {**_SIGLIP, "model_type": "intern_vit_6b", "patch_size": 4, "image_size": 16},
    },
    "qwen3_5": {
        **_QWEN, "text": {**_TEXT, "model_type": "qwen3_5", "num_hidden_layers": 4, "head_dim": 16,
                          "linear_num_value_heads": 2, "linear_num_key_heads": 2, "linear_key_head_dim": 8,
                          "linear_value_head_dim": 8, "linear_conv_kernel_dim": 3,
                          "rope_parameters": {"type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0,
                                              "partial_rotary_factor": 0.5}},
        "vision": {**_QWEN_SIGHT, "model_type": "qwen3_5", "hidden_size": 16, "intermediate_size": 24,
                   "out_hidden_size": 32, "num_position_embeddings": 64},
    },
    "glm4v": {
        **_QWEN, "text": {**_TEXT, "model_type": "glm4v_text", "attention_bias": True,
                          "rope_scaling": {"rope_type": "default", "mrope_section": [1, 1, 2]}},
        "vision": {"model_type": "glm4v", "depth": 2, "num_heads": 2, "patch_size": 4, "hidden_size": 16,
                   "intermediate_size": 24, "out_hidden_size": 32, "image_size": 32},
    },
}  # fmt: skip
QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "glm4v")


@cache
def model(name: str) -> Any:
    """The same weights at every call; large enough that what a picture shows changes the answer."""
    module = import_module(f"mlx_vlm.models.{name}")
    given = dict(_CONFIGS[name])
    text = module.TextConfig(**given.pop("text"))
    vision = module.VisionConfig(**given.pop("vision"))
    config = module.ModelConfig(text_config=text, vision_config=vision, model_type=name, **given)
    mx.random.seed(5)
    made = module.Model(config)
    made.update(tree_map_with_path(_lively, made.parameters()))
    made.eval()
    mx.eval(made.parameters())
    return made


def _lively(path: str, value: Any) -> Any:
    """Matrices of noise: those of a fresh model make every answer the same."""
    if value.ndim < 2 or "float" not in str(value.dtype):
        return value
    return mx.random.normal(value.shape, scale=1.5 / value.shape[-1] ** 0.5)


def network(name: str, **settings: Any) -> VisionNetwork:
    return vision_network(model(name), **settings)


@dataclass(frozen=True)
class Picture:
    """One of noise, by its seed. tall: where sizes may differ, how many patches it is high."""

    seed: int
    tall: int = 4

    def pixels(self, *shape: int) -> np.ndarray:
        return np.random.default_rng(self.seed).normal(size=shape).astype(np.float32)


@dataclass(frozen=True)
class Shown:
    """A prompt with pictures, as a processor makes it. turns: where its parts end."""

    tokens: tuple[int, ...]
    media: PromptMedia
    turns: tuple[int, ...] = ()


def shown(name: str, *parts: Sequence[int] | Picture) -> Shown:
    """Texts and pictures in this order."""
    tokens: list[int] = []
    places: list[PromptPicture] = []
    pictures = [part for part in parts if isinstance(part, Picture)]
    turns: list[int] = []
    for part in parts:
        turns.append(len(tokens))
        if not isinstance(part, Picture):
            tokens += part
            continue
        before, own, after = _placeholders(name, part)
        tokens += before
        places.append(PromptPicture(len(tokens), len(tokens) + len(own), f"noise {part}"))
        tokens += [*own, *after]
    turns = [turn for turn in turns if turn] + [len(tokens)]
    if not pictures:
        return Shown(tuple(tokens), PromptMedia((), {}), tuple(turns))
    inputs = _inputs(name, pictures)
    inputs["attention_mask"] = np.ones((1, len(tokens)), np.int32)
    if name == "gemma4":
        inputs["mm_token_type_ids"] = np.array([[int(token == IMAGE) for token in tokens]])
    return Shown(tuple(tokens), PromptMedia(tuple(places), inputs), tuple(turns))


def _placeholders(name: str, picture: Picture) -> tuple[list[int], list[int], list[int]]:
    if name in QWEN:
        return [START], [IMAGE] * (picture.tall // 2 * 2), [END]
    if name == "idefics3":  # two tiles, each with a mark before it
        return [], [58, *[IMAGE] * 4, 59, *[IMAGE] * 4], [57]
    return [], [IMAGE] * {"llava": 9, "pixtral": 16}.get(name, 4), []


def _inputs(name: str, pictures: Sequence[Picture]) -> dict[str, Any]:
    if name in QWEN:
        grids = [(1, picture.tall, 4) for picture in pictures]
        pixels = [picture.pixels(picture.tall * 4, 96) for picture in pictures]
        return {"pixel_values": np.concatenate(pixels), "image_grid_thw": np.array(grids)}
    if name == "idefics3":
        return {"pixel_values": np.concatenate([picture.pixels(2, 3, 16, 16) for picture in pictures])[None]}
    if name == "lfm2_vl":
        return {
            "pixel_values": np.stack([picture.pixels(16, 48) for picture in pictures]),
            "spatial_shapes": np.array([[4, 4]] * len(pictures)),
            "pixel_attention_mask": np.ones((len(pictures), 16), np.int32),
        }
    if name in ("pixtral", "mistral3"):
        sizes = np.array([[16, 16]] * len(pictures))
        return {"pixel_values": np.stack([picture.pixels(3, 16, 16) for picture in pictures]), "image_sizes": sizes}
    side = {"llava": 12, "paligemma": 8}.get(name, 16)
    return {"pixel_values": np.stack([picture.pixels(3, side, side) for picture in pictures])}


def oracle(name: str, prompt: Sequence[int], media: PromptMedia | None, count: int) -> tuple[list[int], float]:
    """What mlx-vlm's own loop says, greedily, with the inputs whole; and the smallest lead of a token over the next."""
    made = model(name)
    for memory in ("_rope_deltas", "_position_ids"):
        if hasattr(made.language_model, memory):
            setattr(made.language_model, memory, None)
    inputs = {} if media is None else {key: mx.array(value) for key, value in media.inputs.items()}
    mask = inputs.pop("attention_mask", mx.ones((1, len(prompt)), dtype=mx.int32))
    pixels = inputs.pop("pixel_values", None)
    tokens: list[int] = []
    lead = float("inf")
    steps = generate_step(mx.array([list(prompt)]), made, pixels, mask, max_tokens=count, temperature=0.0, **inputs)
    for token, logprobs in steps:
        best: Any = mx.topk(logprobs.reshape(-1), 2).tolist()
        lead = min(lead, abs(best[1] - best[0]))
        tokens.append(int(token))
    return tokens[:count], lead
