"""What the weight files of a model hold, by their headers."""

from __future__ import annotations

from pathlib import PurePath
from typing import Protocol

from domain.workspace.shard_index import Shard


class WeightHeaders(Protocol):
    def read(self, folder: PurePath) -> tuple[Shard, ...]:
        """Every safetensors file in the root, in no order; tensors are not read.

        Raises ModelUnhealthy, naming the file, when a header is broken.
        """
