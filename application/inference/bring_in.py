"""Load a model ahead of its first request, whatever it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from application.inference.answering import Prepared, never
from domain.catalog import ModelReport
from domain.catalog.fitness import EMBEDDINGS, RERANK, only_hears


class Way(Protocol):
    """`bring_in` of Chat, Embed, Rerank and Transcribe."""

    def __call__(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = ...) -> Prepared: ...


class BringIn:
    """Thread-safe. look_up: from a name to its model. A model that is for nothing we know goes the way of `chat`, which
    says so.
    """

    def __init__(
        self, look_up: Callable[[str], ModelReport], chat: Way, embed: Way, rerank: Way, transcribe: Way
    ) -> None:
        self._look_up = look_up
        self._chat = chat
        self._embed = embed
        self._rerank = rerank
        self._transcribe = transcribe

    def execute(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
        """Blocks until it is loaded. pinned, given_up: as ModelPool.preload has them. Raises as Chat.prepare does."""
        return self._way(self._look_up(spec))(spec, pinned=pinned, given_up=given_up)

    def _way(self, report: ModelReport) -> Way:
        if EMBEDDINGS in report.capabilities:
            return self._embed
        if RERANK in report.capabilities:
            return self._rerank
        return self._transcribe if only_hears(report) else self._chat
