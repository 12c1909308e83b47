"""One prompt on its way into a KV cache."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from ports.text_engine import EngineRow

CHUNK_TOKENS = 512


class Prefill:
    """Reads a prompt, all but its last token, chunk by chunk, each row by itself.

    A padded batch of prompts is plainly wrong for some architectures, and a row of its own can fail or be cancelled
    alone. Chunks end at multiples of CHUNK_TOKENS counted from the prompt's start, whatever else is running, so that a
    row's numbers never depend on its company.
    """

    def __init__(self, model: Any, row: EngineRow) -> None:
        self.row = row
        self._model = model
        self._done_tokens = 0
        self._cache: list[Any] | None = None

    @property
    def cache(self) -> list[Any]:
        """One cache a layer, as the model makes them."""
        if self._cache is None:
            self._cache = make_prompt_cache(self._model)
        return self._cache

    @property
    def complete(self) -> bool:
        """Only the last token is left: its logits give the first token of the answer."""
        return self._done_tokens == len(self.row.prompt) - 1

    def advance(self) -> None:
        """Read the next chunk and wait for it."""
        end = min(self._done_tokens + CHUNK_TOKENS, len(self.row.prompt) - 1)
        if end > self._done_tokens:
            tokens = mx.array([self.row.prompt[self._done_tokens : end]])
            self._model(tokens, cache=self.cache)
            mx.eval([layer.state for layer in self.cache])
            self._done_tokens = end
