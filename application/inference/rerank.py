"""Say of documents how well each answers a question, with a model that the user named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from application.inference.answering import Prepared, never
from application.inference.vector_models import VectorModels
from domain.catalog import LocatedModel
from domain.inference.embedding import RerankRequest, RerankScores
from domain.serving.load_wishes import PLAINLY, LoadWishes


@dataclass(frozen=True, slots=True)
class RerankAnswer:
    """As EmbeddingAnswer; the scores stand in the order of the documents."""

    model: LocatedModel
    scores: RerankScores
    device: str
    fingerprint: str
    content_hash: str | None = None
    warning: str | None = None


class Rerank:
    """Thread-safe."""

    def __init__(self, models: VectorModels) -> None:
        self._models = models

    def execute(
        self,
        spec: str,
        request: RerankRequest,
        *,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> RerankAnswer:
        """As Embed.execute."""
        scores, by = self._models.ask(spec, lambda worker: worker.rerank(request), loading, given_up)
        return RerankAnswer(by.model, scores, by.device, by.fingerprint, by.content_hash, by.warning)

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        """Load the model ahead of its first request. Raises as `execute` does."""
        return self._models.prepare(spec, loading)

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
        """As `prepare`, for somebody who asks for that alone. pinned, given_up: as ModelPool.preload has them."""
        return self._models.prepare(spec, PLAINLY, pinned=pinned, given_up=given_up)
