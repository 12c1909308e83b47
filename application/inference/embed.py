"""Turn texts into vectors with a model that the user named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from application.inference.answering import Prepared, never
from application.inference.vector_models import AnsweredBy, VectorModels
from domain.catalog import LocatedModel
from domain.inference.embedding import EmbeddingRequest, Embeddings
from domain.serving.load_wishes import PLAINLY, LoadWishes


@dataclass(frozen=True, slots=True)
class EmbeddingAnswer:
    """model: the one that answered, whatever it was called. dimensions: numbers in each vector. device: "gpu" or "cpu".
    content_hash: the model's, where it is a managed workspace. fingerprint: changes with model, revision and device.
    warning: as in ChatAnswer.
    """

    model: LocatedModel
    embeddings: Embeddings
    dimensions: int
    device: str
    fingerprint: str
    content_hash: str | None = None
    warning: str | None = None


class Embed:
    """Thread-safe."""

    def __init__(self, models: VectorModels) -> None:
        self._models = models

    def execute(
        self,
        spec: str,
        request: EmbeddingRequest,
        *,
        loading: LoadWishes = PLAINLY,
        given_up: Callable[[], bool] = never,
    ) -> EmbeddingAnswer:
        """Blocks until all vectors are there; others' requests share the model meanwhile. given_up: asked now and then;
        true ends the request with Interrupted.

        Raises ModelNotFound, AmbiguousModel, InvalidRequest, ModelUnhealthy, ModelNotRunnable, CapabilityMismatch,
        InsufficientMemory, ModelLoadFailed, ModelSuspended, EngineDied, ServerShutdown, Interrupted,
        ContextLengthExceeded, UnsupportedParameter, PayloadTooLarge, GenerationFailed.
        """
        embeddings, by = self._models.ask(spec, lambda worker: worker.embed(request), loading, given_up)
        return _answer(embeddings, by)

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        """Load the model ahead of its first request. Raises as `execute` does."""
        return self._models.prepare(spec, loading)

    def bring_in(self, spec: str, *, pinned: bool | None = None, given_up: Callable[[], bool] = never) -> Prepared:
        """As `prepare`, for somebody who asks for that alone. pinned, given_up: as ModelPool.preload has them."""
        return self._models.prepare(spec, PLAINLY, pinned=pinned, given_up=given_up)


def _answer(embeddings: Embeddings, by: AnsweredBy) -> EmbeddingAnswer:
    return EmbeddingAnswer(
        model=by.model,
        embeddings=embeddings,
        dimensions=embeddings.vectors[0].dimensions,
        device=by.device,
        fingerprint=by.fingerprint,
        content_hash=by.content_hash,
        warning=by.warning,
    )
