"""Load a model ahead of its first request, whatever it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from application.inference.answering import Prepared, never
from domain.catalog import ModelReport
from domain.catalog.fitness import EMBEDDINGS, RERANK


class Way(Protocol):
    """`bring_in` of Chat, Embed and Rerank."""

    def __call__(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = ...) -> Prepared: ...


class BringIn:
    """Thread-safe. look_up: from a name to its model. A model that is for nothing we know goes the way of `chat`, which
    says so.
    """

    def __init__(self, look_up: Callable[[str], ModelReport], chat: Way, embed: Way, rerank: Way) -> None:
        self._look_up = look_up
        self._chat = chat
        self._embed = embed
        self._rerank = rerank

    def execute(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
        """Blocks until it is loaded. pinned, given_up: as ModelPool.preload has them. Raises as Chat.prepare does."""
        able = self._look_up(spec).capabilities
        way = self._embed if EMBEDDINGS in able else self._rerank if RERANK in able else self._chat
        return way(spec, pinned=pinned, given_up=given_up)
