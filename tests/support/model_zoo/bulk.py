"""Large caches for benchmarks: every model sound, realistic in the number and size of the files that get read."""

from __future__ import annotations

from pathlib import Path

from tests.support.model_zoo.content import (
    CHATML,
    Files,
    Sparse,
    llama_config,
    mlx_safetensors,
    readme,
    shard_index,
    tokenizer,
)
from tests.support.model_zoo.places import CacheBuilder

TENSORS_PER_LAYER = 21
LAYERS = 16


def fill_cache(root: Path, models: int) -> None:
    """Write `models` models in the hub's layout: one in five sharded, the others in one file."""
    builder = CacheBuilder(root)
    for number in range(models):
        organisation = ("mlx-community", "lmstudio-community", "someone")[number % 3]
        builder.add(f"{organisation}/Model-{number:05d}-Instruct-4bit", _model(number))


def _model(number: int) -> Files:
    """What mlx-lm's own conversion leaves: an index even for a single file; a template of its own in newer ones."""
    newer = number % 2 == 0
    files: Files = {
        "config.json": llama_config(vocab_size=32000 + number),
        "README.md": readme() + "A paragraph about the model.\n" * 40,
        "generation_config.json": {"temperature": 0.6, "top_p": 0.9},
        "special_tokens_map.json": {"eos_token": "</s>"},
        ".gitattributes": "*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
        **tokenizer(template=None if newer else CHATML, spare_tokens=60),
    }
    if newer:
        files["chat_template.jinja"] = CHATML
    files["tokenizer.json"] = Sparse(b'{"version": "1.0"}', 4_000_000 + number)
    shards = {"model.safetensors": range(LAYERS)}
    if number % 5 == 0:
        shards = {f"model-0000{part + 1}-of-00002.safetensors": range(part * 8, part * 8 + 8) for part in range(2)}
    weight_map = {tensor: shard for shard, layers in shards.items() for tensor in _tensors(layers)}
    files["model.safetensors.index.json"] = shard_index(weight_map)
    return {**files, **{shard: mlx_safetensors(_tensors(layers)) for shard, layers in shards.items()}}


def _tensors(layers: range) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {
        f"model.layers.{layer}.self_attn.part_{part}.weight": ("U32", (2048, 256))
        for layer in layers
        for part in range(TENSORS_PER_LAYER)
    }
