"""Vision models in miniature: real configs, processors, templates and weights of noise, written in an instant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map_with_path
from tokenizers import Tokenizer

from tests.support.miniatures.tokens import byte_tokenizer, write_json

NORMAL: Mapping[str, object] = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255}
TEXT: Mapping[str, object] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "max_position_embeddings": 2048,
}
SIGHT: Mapping[str, object] = {
    "num_hidden_layers": 1,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "patch_size": 14,
    "image_size": 56,
    "num_channels": 3,
}
PARTS = (
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}PICTURE{% elif c['type'] == 'text' %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    + PARTS.replace(
        "PICTURE",
        "<|vision_start|><|image_pad|><|vision_end|>{% elif c['type'] == 'video' %}"
        "<|vision_start|><|video_pad|><|vision_end|>",
    )
    + "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TURNS = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    + PARTS.replace("PICTURE", "<start_of_image>").replace("c['text']", "c['text'] | trim")
    + "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
# As LLaVA 1.5 has it: pictures before the words, whatever their order.
LLAVA = (
    "{% for m in messages %}{{ m['role'].upper() }}: {% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] if c['type'] == 'image' %}<image>\n{% endfor %}"
    "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }}{% endfor %}{% endif %} {% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


@dataclass(frozen=True, slots=True)
class SeeingMiniature:
    """ids: config keys that name a token, with its text. Files by name hold JSON objects."""

    kind: str
    special: tuple[str, ...]
    config: Mapping[str, object]
    ids: Mapping[str, str]
    text: Mapping[str, object]
    vision: Mapping[str, object]
    tokenizer: Mapping[str, object]
    files: Mapping[str, Mapping[str, object]]
    template: str | None
    bos: str | None = None
    flat: bool = False  # the text's sizes stand in config.json itself
    hearing: Mapping[str, object] | None = None
    thinker: bool = False  # all of it stands in a part of config.json

    def build(self, folder: Path, seed: int = 7) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer = byte_tokenizer(self.special, bos=self.bos)
        config = self._config(tokenizer)
        write_json(folder / "config.json", config)
        tokenizer.save(str(folder / "tokenizer.json"))
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **self.tokenizer})
        for name, content in self.files.items():
            write_json(folder / name, content)
        if self.template is not None:
            (folder / "chat_template.jinja").write_text(self.template, encoding="utf-8")
        mx.random.seed(seed)
        network = network_of(self.kind, config)
        if self.hearing is not None:
            network.update(tree_map_with_path(_lively, network.parameters()))
        mx.save_safetensors(
            str(folder / "model.safetensors"), dict(tree_flatten(network.parameters())), {"format": "mlx"}
        )
        return folder

    def _config(self, tokenizer: Tokenizer) -> dict[str, object]:
        size = tokenizer.get_vocab_size()
        ids = {name: tokenizer.token_to_id(text) for name, text in self.ids.items()}
        text = {**self.text, "vocab_size": size}
        inside = text if self.flat else {"text_config": text}
        parts: dict[str, object] = {**ids, **inside, "vision_config": self.vision}
        if self.hearing is not None:
            parts["audio_config"] = self.hearing
        if self.thinker:
            parts = {"thinker_config": parts, **{name: ids[name] for name in ids if name == "eos_token_id"}}
        return {"model_type": self.kind, "vocab_size": size, **self.config, **parts}


def network_of(kind: str, config: Mapping[str, object]) -> Any:
    """mlx-vlm's class for this config, not yet loaded."""
    module = import_module(f"mlx_vlm.models.{kind}")
    copied = json.loads(json.dumps(config))
    made = module.ModelConfig.from_dict(copied)
    if "thinker_config" in copied:
        return module.Model(made)
    if "audio_config" in copied:
        made.audio_config = module.AudioConfig.from_dict(copied["audio_config"])
    made.text_config = module.TextConfig.from_dict(copied.get("text_config", copied))
    made.vision_config = module.VisionConfig.from_dict(copied["vision_config"])
    return module.Model(made)


def _lively(path: str, value: Any) -> Any:
    """Matrices of noise: with those of a fresh model nothing that is heard changes an answer."""
    if value.ndim < 2 or "float" not in str(value.dtype):
        return value
    return mx.random.normal(value.shape, scale=1.5 / value.shape[-1] ** 0.5)


QWEN = SeeingMiniature(
    "qwen2_vl",
    (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<|vision_start|>",
        "<|vision_end|>",
        "<|image_pad|>",
        "<|video_pad|>",
    ),
    {"tie_word_embeddings": True, "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}},
    {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
        "eos_token_id": "<|im_end|>",
    },
    TEXT,
    {
        "model_type": "qwen2_vl",
        "depth": 1,
        "embed_dim": 32,
        "hidden_size": 64,
        "num_heads": 2,
        "patch_size": 14,
        "mlp_ratio": 2,
        "in_channels": 3,
        "spatial_patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    },
    {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    {
        "preprocessor_config.json": {
            "image_processor_type": "Qwen2VLImageProcessor",
            "processor_class": "Qwen2VLProcessor",
            "patch_size": 14,
            "temporal_patch_size": 2,
            "merge_size": 2,
            "min_pixels": 3136,
            "max_pixels": 12544,
            **NORMAL,
        }
    },
    CHATML,
    flat=True,
)
GEMMA = SeeingMiniature(
    "gemma3",
    ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<soft>"),
    {"mm_tokens_per_image": 4},
    {
        "image_token_index": "<soft>",
        "boi_token_index": "<start_of_image>",
        "eoi_token_index": "<end_of_image>",
        "eos_token_id": "<end_of_turn>",
    },
    {
        **TEXT,
        "model_type": "gemma3_text",
        "head_dim": 16,
        "sliding_window": 16,
        "sliding_window_pattern": 2,
        "query_pre_attn_scalar": 16,
        "mm_tokens_per_image": 4,
    },
    {**SIGHT, "model_type": "siglip_vision_model"},
    {
        "eos_token": "<eos>",
        "bos_token": "<bos>",
        "pad_token": "<pad>",
        "extra_special_tokens": {
            "image_token": "<soft>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
    },
    {
        "preprocessor_config.json": {
            "image_processor_type": "Gemma3ImageProcessor",
            "processor_class": "Gemma3Processor",
            "size": {"height": 56, "width": 56},
            "resample": 2,
            **NORMAL,
        },
        "processor_config.json": {"processor_class": "Gemma3Processor", "image_seq_length": 4},
    },
    TURNS,
    bos="<bos>",
)
LLAVA_1_5 = SeeingMiniature(
    "llava",
    ("<unk>", "<s>", "</s>", "<image>", "<pad>"),
    {"vision_feature_select_strategy": "default", "vision_feature_layer": -1},
    {"image_token_index": "<image>", "eos_token_id": "</s>"},
    {**TEXT, "model_type": "llama"},
    {**SIGHT, "model_type": "clip_vision_model", "projection_dim": 32, "vocab_size": 1000},
    {"eos_token": "</s>", "bos_token": "<s>", "pad_token": "<pad>"},
    {
        "preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor",
            "processor_class": "LlavaProcessor",
            "size": {"shortest_edge": 56},
            "crop_size": {"height": 56, "width": 56},
            "resample": 3,
            **NORMAL,
        },
        "processor_config.json": {
            "processor_class": "LlavaProcessor",
            "patch_size": 14,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
        },
    },
    LLAVA,
    bos="<s>",
)
QWEN_3 = replace(
    QWEN,
    kind="qwen3_vl",
    config={"tie_word_embeddings": True},
    text={
        **TEXT,
        "model_type": "qwen3_vl_text",
        "head_dim": 16,
        "attention_bias": False,
        "tie_word_embeddings": True,
        "rope_scaling": {"type": "default", "rope_type": "default", "mrope_section": [2, 3, 3]},
    },
    vision={
        "model_type": "qwen3_vl",
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 32,
        "out_hidden_size": 64,
        "num_heads": 2,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    },
    files={
        "preprocessor_config.json": {**QWEN.files["preprocessor_config.json"], "patch_size": 16},
        "video_preprocessor_config.json": {"patch_size": 16, "min_pixels": 4096, "max_pixels": 65536},
    },
    flat=False,
)
# Cuts pictures into tiles, and takes turns as lists alone.
TILES = tuple(f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4))
IDEFICS_3 = SeeingMiniature(
    "idefics3",
    (
        *("<|begin_of_text|>", "<|end_of_text|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>"),
        *("<global-img>", *TILES),
    ),
    {"scale_factor": 2},
    {"image_token_id": "<image>", "eos_token_id": "<end_of_utterance>"},
    {**TEXT, "model_type": "llama"},
    {**SIGHT, "model_type": "idefics3"},
    {"eos_token": "<end_of_utterance>", "bos_token": "<|begin_of_text|>", "pad_token": "<|end_of_text|>"},
    {
        "preprocessor_config.json": {
            "image_processor_type": "Idefics3ImageProcessor",
            "processor_class": "Idefics3Processor",
            "do_image_splitting": True,
            "size": {"longest_edge": 112},
            "max_image_size": {"longest_edge": 56},
            **NORMAL,
        },
        "processor_config.json": {"image_seq_len": 4, "processor_class": "Idefics3Processor"},
    },
    "<|begin_of_text|>{% for m in messages %}{{ m['role'] | capitalize }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'text' %}{{ c['text'] }}{% elif c['type'] == 'image' %}<image>{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}",
    bos="<|begin_of_text|>",
)
SEEING: Mapping[str, SeeingMiniature] = {
    "qwen2_vl": QWEN,
    "qwen3_vl": QWEN_3,
    "gemma3": GEMMA,
    "llava": LLAVA_1_5,
}
