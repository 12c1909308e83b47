"""WeightHeaders on the local disk."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Any

from domain.errors import ModelUnhealthy
from domain.workspace.content_hash import HEADER_LENGTH_BYTES, Unhashable, header_length
from domain.workspace.disk_faults import disk_error
from domain.workspace.shard_index import Shard, Tensor


class LocalWeightHeaders:
    """WeightHeaders."""

    def read(self, folder: PurePath) -> tuple[Shard, ...]:
        try:
            return tuple(_shard(path) for path in Path(folder).glob("*.safetensors") if path.is_file())
        except OSError as fault:
            raise disk_error(folder, fault) from fault


def _shard(path: Path) -> Shard:
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(header_length(file.read(HEADER_LENGTH_BYTES))))
        tensors = {name: _tensor(facts) for name, facts in header.items() if name != "__metadata__"}
    except (Unhashable, ValueError, RecursionError, KeyError, TypeError, AttributeError) as fault:
        raise ModelUnhealthy(
            f"{path.name} is no sound safetensors file: {fault}", hint="fetch the file again", param="source"
        ) from fault
    return Shard(path.name, path.stat().st_size, tensors)


def _tensor(facts: dict[str, Any]) -> Tensor:
    shape = tuple(int(size) for size in facts["shape"])
    return Tensor(str(facts["dtype"]), shape)
