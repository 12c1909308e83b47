"""What the shards themselves say they hold, and the index that follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.errors import ModelUnhealthy

INDEX = "model.safetensors.index.json"
_BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16}
_FLOATING = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as a safetensors header describes it. dtype: "BF16", "F16", "U32", ..."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.elements * _BITS.get(self.dtype, 8) // 8

    @property
    def floating(self) -> bool:
        return self.dtype in _FLOATING


@dataclass(frozen=True, slots=True)
class Shard:
    """One safetensors file in a model's root. size_bytes: of the whole file."""

    name: str
    size_bytes: int
    tensors: Mapping[str, Tensor]


def loaded_shards(shards: Sequence[Shard]) -> tuple[Shard, ...]:
    """Those that MLX's libraries load: model*.safetensors where there is one, else all. Sorted by name."""
    named = [shard for shard in shards if shard.name.startswith("model")]
    return tuple(sorted(named or shards, key=lambda each: each.name))


def build_index(shards: Sequence[Shard]) -> dict[str, object] | None:
    """The index for these shards; None for one or none, which need no index. Raises ModelUnhealthy when two shards hold
    a tensor of the same name.
    """
    shards = loaded_shards(shards)
    if len(shards) < 2:
        return None
    weight_map: dict[str, str] = {}
    for shard in shards:
        for tensor in shard.tensors:
            if tensor in weight_map:
                raise ModelUnhealthy(
                    f"the tensor {tensor} is in {weight_map[tensor]} and in {shard.name}",
                    hint="one of the two files does not belong to this model: remove it",
                    param="source",
                )
            weight_map[tensor] = shard.name
    total = sum(shard.size_bytes for shard in shards)
    return {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}


def index_is_right(index: Mapping[str, object], shards: Sequence[Shard]) -> bool:
    """Whether an index that is there says where each tensor lies."""
    shards = loaded_shards(shards)
    return index.get("weight_map") == {tensor: shard.name for shard in shards for tensor in shard.tensors}
