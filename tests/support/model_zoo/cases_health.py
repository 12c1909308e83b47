"""Every reason for which a model is called broken, and its nearest sound neighbour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.model_zoo.case import COMPLETE, Case, removed, truncated
from tests.support.model_zoo.content import (
    LFS_POINTER,
    Files,
    Sparse,
    llama_config,
    mlx_safetensors,
    safetensors,
    shard_index,
    text_model,
    tokenizer,
    without,
)

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
WHOLE = text_model()
BARE = without(WHOLE, "model.safetensors")
VISION = {"vision_config": {"hidden_size": 32}, "model_type": "qwen2_vl"}
SEES = ("text-generation", "chat", "vision")


SPACED_HEADER = b'{ "a" : { "dtype" : "U8", "shape" : [ 8 ], "data_offsets" : [ 0, 8 ] } }  '
SPACED = len(SPACED_HEADER).to_bytes(8, "little") + SPACED_HEADER + bytes(8)


def sharded(*present: str, index: tuple[str, ...] = (ONE, TWO)) -> Files:
    tensors = {f"layer.{number}.weight": shard for number, shard in enumerate(index)}
    shards: Files = {name: mlx_safetensors() for name in present}
    return {**BARE, **shards, "model.safetensors.index.json": shard_index(tensors)}


def lose_every_snapshot(folder: Path) -> None:
    for link in folder.iterdir():
        link.unlink()
    folder.rmdir()
    (folder.parent.parent / "refs" / "main").unlink()


def lose_the_snapshots_folder(folder: Path) -> None:
    lose_every_snapshot(folder)
    folder.parent.rmdir()


def _unhealthy(case_id: str, files: Files, health: str, **more: Any) -> Case:
    return Case(case_id, files, health=health, why_not="health", **more)


GONE: dict[str, Any] = {
    "framework": "MLX",
    "label": "base",
    "capabilities": ("text-generation",),
    "context_length": None,
}

HEALTH_CASES = (
    Case("single_file", WHOLE),
    _unhealthy("no_snapshots", WHOLE, "No snapshots found", broken=lose_every_snapshot, **GONE),
    _unhealthy("no_snapshots_folder", WHOLE, "No snapshots directory found", broken=lose_the_snapshots_folder, **GONE),
    _unhealthy(
        "only_a_partial_blob",
        {},
        "Incomplete download: No snapshots found",
        incomplete=1,
        broken=lambda folder: (folder.rmdir(), (folder.parent.parent / "refs" / "main").unlink()),
        **GONE,
    ),
    _unhealthy("config_missing", without(WHOLE, "config.json"), "config.json missing", context_length=None),
    _unhealthy(
        "config_dangling",
        WHOLE,
        "config.json missing",
        broken=removed("config.json"),
        context_length=None,
        findings="config.json: dangling link",
    ),
    _unhealthy("config_empty", {**WHOLE, "config.json": b""}, "config.json is empty or invalid", context_length=None),
    _unhealthy(
        "config_blank", {**WHOLE, "config.json": b" \n"}, "config.json is empty or invalid", context_length=None
    ),
    _unhealthy(
        "config_is_a_list",
        {**WHOLE, "config.json": b"[1]"},
        "config.json is empty or invalid",
        context_length=None,
        findings="config.json: it holds a list",
    ),
    _unhealthy(
        "config_empty_object", {**WHOLE, "config.json": {}}, "config.json is empty or invalid", context_length=None
    ),
    _unhealthy(
        "config_bad_json",
        {**WHOLE, "config.json": b'{"model_type": '},
        "config.json contains invalid JSON",
        context_length=None,
    ),
    Case("shards_complete", sharded(ONE, TWO), health=COMPLETE),
    _unhealthy(
        "index_no_map",
        {**sharded(ONE, TWO), "model.safetensors.index.json": {"metadata": {}}},
        "Empty or invalid weight_map in index",
    ),
    _unhealthy(
        "index_map_of_numbers",
        {**sharded(ONE, TWO), "model.safetensors.index.json": {"weight_map": {"a": 1}}},
        "Empty or invalid weight_map in index",
    ),
    _unhealthy("index_bad_json", {**sharded(ONE, TWO), "model.safetensors.index.json": b"{"}, "Invalid index file"),
    _unhealthy(
        "index_mismatch",
        {**sharded(index=(ONE, TWO)), "model.safetensors": mlx_safetensors()},
        "Index/shard mismatch (mlx-vlm #624). Index references 2 shards but found 1 different files. "
        "Fix: mlxk convert <model> <output> --repair-index",
    ),
    _unhealthy("shard_missing", sharded(ONE), f"Missing weight shards: {TWO}"),
    _unhealthy(
        "shard_dangling",
        sharded(ONE, TWO),
        f"Missing weight shards: {TWO}",
        broken=lambda folder: ((folder / TWO).unlink(), (folder / TWO).symlink_to("../../blobs/gone")),
    ),
    _unhealthy("shard_downloading", sharded(ONE), f"Incomplete download: Missing weight shards: {TWO}", incomplete=1),
    _unhealthy(
        "shard_downloading_beside_stranger",
        {**sharded(ONE), "extra.safetensors": mlx_safetensors()},
        f"Incomplete download: Missing weight shards: {TWO}",
        incomplete=1,
    ),
    _unhealthy(
        "shard_downloading_beside_original",
        {**sharded(ONE), "consolidated.safetensors": mlx_safetensors()},
        f"Missing weight shards: {TWO}",
    ),
    _unhealthy("shard_empty", {**sharded(ONE, TWO), TWO: b""}, f"Empty weight shards: {TWO}"),
    _unhealthy("shard_lfs", {**sharded(ONE, TWO), TWO: LFS_POINTER}, f"LFS pointers instead of files: {TWO}"),
    _unhealthy("shard_partial_marker", {**sharded(ONE, TWO), "x.partial": b"1"}, "Partial download marker detected"),
    _unhealthy(
        "shard_short",
        {**sharded(ONE), TWO: mlx_safetensors({"x.weight": ("F16", (100,))})},
        f"Weight file length does not match its header: {TWO} (150 bytes, its header promises 312)",
        broken=truncated(TWO, 150),
    ),
    Case("orphan_beside_whole_model", sharded(ONE, TWO), health=COMPLETE, incomplete=2),
    _unhealthy(
        "totals_differ",
        {**BARE, ONE: mlx_safetensors(), "model-00001-of-00003.safetensors": mlx_safetensors()},
        "Inconsistent shard totals detected",
    ),
    _unhealthy("pattern_gap", {**BARE, ONE: mlx_safetensors()}, "Missing shards by pattern: 1/2 present"),
    _unhealthy("pattern_empty", {**BARE, ONE: mlx_safetensors(), TWO: b""}, f"Empty shards: {TWO}"),
    _unhealthy(
        "pattern_without_index",
        {**BARE, ONE: mlx_safetensors(), TWO: mlx_safetensors()},
        "Safetensors index missing for sharded model",
    ),
    _unhealthy("no_weights", BARE, "No model weights found"),
    _unhealthy("weights_downloading", BARE, "Incomplete download: No model weights found", incomplete=1),
    _unhealthy("tmp_marker", {**WHOLE, "weights.tmp": b"1"}, "Partial download marker detected"),
    _unhealthy("weights_empty", {**WHOLE, "model.safetensors": b""}, "Empty weight files: model.safetensors"),
    _unhealthy(
        "weights_lfs", {**WHOLE, "model.safetensors": LFS_POINTER}, "LFS pointers instead of files: model.safetensors"
    ),
    _unhealthy(
        "weights_lfs_below",
        {**WHOLE, "onnx/model.safetensors": LFS_POINTER},
        "LFS pointers instead of files: onnx/model.safetensors",
    ),
    _unhealthy(
        "header_garbage",
        {**WHOLE, "model.safetensors": b"\x10" + bytes(7) + b"x" * 300},
        "Damaged weight file header: model.safetensors",
    ),
    _unhealthy(
        "header_no_tensors_match",
        {**WHOLE, "model.safetensors": b"\x1c" + bytes(7) + b'{"a":{"data_offsets":"none"}}'},
        "Damaged weight file header: model.safetensors",
    ),
    _unhealthy(
        "header_longer_than_file",
        {**WHOLE, "model.safetensors": b"\xff\x0f" + bytes(6) + b"{" * 300},
        "Weight file length does not match its header: model.safetensors (308 bytes, its header alone is 4103)",
    ),
    _unhealthy(
        "weights_too_long",
        {**WHOLE, "model.safetensors": Sparse(mlx_safetensors().head, 1_000_000)},
        "Weight file length does not match its header: model.safetensors "
        f"(1000000 bytes, its header promises {mlx_safetensors().size_bytes})",
    ),
    Case("header_with_spaces", {**WHOLE, "model.safetensors": SPACED}),
    _unhealthy(
        "vision_no_processor",
        {**WHOLE, "config.json": llama_config(**VISION)},
        "Vision model missing preprocessor_config.json or processor_config.json",
        capabilities=SEES,
        backend="mlx-vlm",
    ),
    _unhealthy(
        "processor_list",
        {**WHOLE, "config.json": llama_config(**VISION), "preprocessor_config.json": b"[]"},
        "preprocessor_config.json invalid",
        capabilities=SEES,
    ),
    _unhealthy(
        "processor_bad_json",
        {**WHOLE, "config.json": llama_config(**VISION), "processor_config.json": b"{,"},
        "processor_config.json invalid JSON",
        capabilities=SEES,
    ),
    Case(
        "processor_embedded",
        {**WHOLE, "config.json": llama_config(**VISION, preprocessor_config={"image_mean": [0.5]})},
        capabilities=SEES,
        backend="mlx-vlm",
    ),
    _unhealthy(
        "tokenizer_list",
        {**WHOLE, "tokenizer_config.json": b"[]"},
        "tokenizer_config.json exists but invalid",
        label="base",
        capabilities=("text-generation",),
    ),
    _unhealthy(
        "tokenizer_bad_json",
        {**WHOLE, "tokenizer_config.json": b"{"},
        "tokenizer_config.json contains invalid JSON",
        label="base",
        capabilities=("text-generation",),
    ),
    _unhealthy(
        "tokenizer_missing",
        without(WHOLE, "tokenizer.json"),
        "tokenizer_config.json present but tokenizer.json missing",
    ),
    Case("sentencepiece_only", {**without(WHOLE, "tokenizer.json"), "tokenizer.model": b"\n\x0esentencepiece"}),
    Case("wordpiece_only", {**without(WHOLE, "tokenizer.json"), "vocab.txt": "[PAD]\n[UNK]\n"}),
    Case(
        "no_tokenizer_config", without(WHOLE, "tokenizer_config.json"), label="base", capabilities=("text-generation",)
    ),
    Case(
        "pytorch_shards",
        {
            "config.json": llama_config(quantization=None),
            **tokenizer(),
            "pytorch_model-00001-of-00001.bin": b"PK" + bytes(400),
            "pytorch_model.bin.index.json": shard_index({"a": "pytorch_model-00001-of-00001.bin"}),
        },
        name="someone/pytorch-shards",
        health=COMPLETE,
        framework="PyTorch",
        why_not="Incompatible framework: PyTorch",
    ),
    Case(
        "weights_below_only",
        {**BARE, "weights/model.safetensors": safetensors()},
        why_not="No model*.safetensors for mlx-lm",
    ),
)
