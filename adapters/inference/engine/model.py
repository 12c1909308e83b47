"""The loaded model as the engine uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from adapters.inference.engine.rows import Row
from adapters.inference.engine.sight import Sight
from adapters.inference.engine.vision import VisionNetwork
from ports.text_engine import EngineRow


@dataclass(frozen=True, slots=True)
class Model:
    """network: tokens [rows, length] and caches -> logits [rows, length, vocabulary]. make_caches: for a single row,
    one a layer. stops: tokens that end an answer.
    """

    network: Any
    make_caches: Callable[[], list[Any]]
    stops: frozenset[int]
    vocabulary: int

    @property
    def eyes(self) -> VisionNetwork | None:
        """None: it sees nothing."""
        return self.network if isinstance(self.network, VisionNetwork) else None

    def read(self, tokens: mx.array, caches: list[Any], **beside: Any) -> mx.array:
        """Logits of the last place: [rows, length] -> [rows, vocabulary]. The caches grow. beside: from `beside`, or of
        a row with pictures from its Sight.
        """
        logits: mx.array = self.network(tokens, cache=caches, **beside)[:, -1]
        return logits

    def beside(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What goes with the next token of each of these rows."""
        if not any(row.shift for row in rows):
            return {}
        return {"shifts": mx.array([[row.shift] for row in rows])}

    def sight(self, asked: EngineRow) -> Sight | None:
        """None for a row without pictures."""
        if self.eyes is None or asked.media is None:
            return None
        return Sight(self.eyes, asked.prompt, asked.media)

    def first_pass(self, asked: EngineRow) -> int:
        """How many of its tokens must be read together, from the first on; 0 where any cut will do."""
        return 0 if self.eyes is None else self.eyes.first_pass(asked.prompt, asked.media)
