"""The loaded model as the engine uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx


@dataclass(frozen=True, slots=True)
class Model:
    """network: tokens [rows, length] and caches -> logits [rows, length, vocabulary]. make_caches: for a single row,
    one a layer. stops: tokens that end an answer.
    """

    network: Any
    make_caches: Callable[[], list[Any]]
    stops: frozenset[int]
    vocabulary: int

    def read(self, tokens: mx.array, caches: list[Any]) -> mx.array:
        """Logits of the last place: [rows, length] -> [rows, vocabulary]. The caches grow."""
        logits: mx.array = self.network(tokens, cache=caches)[:, -1]
        return logits
