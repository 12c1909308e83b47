"""Files as models really have them, in miniature: valid safetensors and GGUF heads, configs, tokenizers, READMEs."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)
_DTYPE_BYTES = {"BF16": 2, "F16": 2, "F32": 4, "U32": 4, "I64": 8}


@dataclass(frozen=True)
class Sparse:
    """A file that begins with `head` and is `size_bytes` long without taking the room."""

    head: bytes
    size_bytes: int


@dataclass(frozen=True)
class Link:
    """A symbolic link, target as written."""

    target: str


Content = bytes | str | dict[str, object] | Sparse | Link
Files = dict[str, Content]


def write_content(path: Path, content: Content) -> None:
    """Write one file of a model; dictionaries become JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    match content:
        case Link(target):
            path.symlink_to(target)
        case Sparse(head, size_bytes):
            path.write_bytes(head)
            os.truncate(path, size_bytes)
        case dict():
            path.write_text(json.dumps(content, indent=2), encoding="utf-8")
        case str():
            path.write_text(content, encoding="utf-8")
        case bytes():
            path.write_bytes(content)


def safetensors(
    tensors: Mapping[str, tuple[str, Sequence[int]]] | None = None, metadata: Mapping[str, str] | None = None
) -> Sparse:
    """A sound safetensors file of zeros. tensors: name to (dtype, shape)."""
    described = dict(tensors or {"model.embed_tokens.weight": ("BF16", (64, 32)), "lm_head.weight": ("BF16", (64, 32))})
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, (dtype, shape) in described.items():
        start, end = end, end + _DTYPE_BYTES[dtype] * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return Sparse(struct.pack("<Q", len(text)) + text, 8 + len(text) + end)


def mlx_safetensors(tensors: Mapping[str, tuple[str, Sequence[int]]] | None = None) -> Sparse:
    """As MLX's own tools write it."""
    return safetensors(tensors, {"format": "mlx"})


def gguf() -> Sparse:
    """Version 3, no tensors, no keys."""
    return Sparse(b"GGUF" + struct.pack("<IQQ", 3, 0, 0), 4096)


def shard_index(shards: Mapping[str, str], total_size: int = 8192) -> dict[str, object]:
    """weight_map: tensor to file."""
    return {"metadata": {"total_size": total_size}, "weight_map": dict(shards)}


def llama_config(**changes: object) -> dict[str, object]:
    """A small Llama; a change to None takes the key away."""
    config: dict[str, object] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "torch_dtype": "bfloat16",
        "vocab_size": 256,
        "quantization": {"group_size": 64, "bits": 4},
    }
    config.update(changes)
    return {key: value for key, value in config.items() if value is not None}


def tokenizer(*, template: str | None = CHATML, spare_tokens: int = 4) -> Files:
    """tokenizer.json and tokenizer_config.json, with a chat template unless told otherwise."""
    added = {
        str(number): {"content": f"<|reserved_{number}|>", "lstrip": False, "normalized": False, "special": True}
        for number in range(spare_tokens)
    }
    config: dict[str, object] = {"added_tokens_decoder": added, "tokenizer_class": "PreTrainedTokenizerFast"}
    if template is not None:
        config["chat_template"] = template
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}
    return {"tokenizer.json": {"version": "1.0", "model": model}, "tokenizer_config.json": config}


def readme(tags: Sequence[str] = ("mlx",), library: str | None = "mlx", pipeline: str = "text-generation") -> str:
    """A model card as conversions write it."""
    lines = ["---", "license: apache-2.0", "language:", "- en"]
    lines += [f"library_name: {library}"] if library else []
    lines += [f"pipeline_tag: {pipeline}", "tags:", *(f"- {tag}" for tag in tags), "---", "", "# A model", ""]
    return "\n".join(lines)


def text_model(config: dict[str, object] | None = None, *, template: str | None = CHATML, card: bool = True) -> Files:
    """A whole, healthy MLX text model."""
    files: Files = {
        "config.json": llama_config() if config is None else config,
        "model.safetensors": mlx_safetensors(),
        **tokenizer(template=template),
    }
    if card:
        files["README.md"] = readme()
    return files


def without(files: Files, *names: str) -> Files:
    """The same files, some left out."""
    return {name: content for name, content in files.items() if name not in names}
