"""POST /v1/embeddings: texts in, vectors out. POST /v1/rerank: documents in, their order out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, request

from domain.errors import ModelNotFound
from domain.inference.embedding import FLOAT_BYTES
from entrypoints.http.access_log import note_model
from entrypoints.http.admission import AnswerSlots
from entrypoints.http.body import parse_json, read_body, read_json
from entrypoints.http.hangups import HangupWatcher
from entrypoints.http.limits import HttpLimits
from entrypoints.http.presenters.breaking import in_pieces, until_it_breaks
from entrypoints.http.presenters.embedding import present_embeddings, present_ranking
from entrypoints.http.presenters.ignored import naming_ignored
from entrypoints.http.schemas.embedding import EmbeddingBody, parse_embedding
from entrypoints.http.schemas.rerank import RerankBody, parse_rerank
from entrypoints.http.services import Services
from ports.embedding_backend import FORWARDED, EmbeddingBackend

WHOLE_BYTES = 1024 * 1024  # of vectors; more are written in pieces


@dataclass(frozen=True, slots=True)
class VectorRoutes:
    """What both routes share. slots: a place for each request."""

    services: Services
    limits: HttpLimits
    slots: AnswerSlots
    hangups: HangupWatcher

    @contextmanager
    def waiting(self) -> Iterator[Callable[[], bool]]:
        """A place; what it yields tells whether the client has gone."""
        with self.slots.take(), self.hangups.watch(request.environ.get("gunicorn.socket")) as watch:
            watch.on_hangup(self.services.model_pool().wake)
            yield lambda: watch.gone

    def embed(self, body: EmbeddingBody) -> Response:
        """Many vectors are written in pieces, and keep their place until they are sent."""
        with ExitStack() as held:
            given_up = held.enter_context(self.waiting())
            answer = self.services.embed().execute(body.model, body.request, given_up=given_up)
            note_model(request.environ, answer.model.name)
            about: dict[str, object] = {"model": answer.model.name, "system_fingerprint": answer.fingerprint}
            pieces = present_embeddings(answer.embeddings, about, base64=body.base64)
            if len(answer.embeddings.vectors) * answer.dimensions * FLOAT_BYTES <= WHOLE_BYTES:
                response = Response(b"".join(pieces), mimetype="application/json")
            else:
                response = in_pieces(pieces, held.pop_all(), "application/json")
        return naming_ignored(body.ignored, response)

    def rerank(self, body: RerankBody) -> Response:
        with self.waiting() as given_up:
            answer = self.services.rerank().execute(body.model, body.request, given_up=given_up)
        note_model(request.environ, answer.model.name)
        documents = body.request.documents if body.return_documents else None
        ranking = present_ranking(answer.model.name, answer.scores, documents, body.top_n)
        return naming_ignored(body.ignored, jsonify(ranking))

    def elsewhere(self, body: object) -> bool:
        """Whether the model that is asked for is not here, and the request has not been sent on before."""
        name = body.get("model") if isinstance(body, Mapping) else None
        if not isinstance(name, str) or not name.strip() or FORWARDED in request.headers:
            return False
        try:
            self.services.resolve_served_model().execute(name)
        except ModelNotFound:
            return True
        return False

    def forward(self, backend: EmbeddingBackend, raw: bytes) -> Response:
        """The backend's answer as it is, errors too. Raises BackendFailed, BackendTimeout, Interrupted."""
        with ExitStack() as held:
            held.enter_context(self.slots.take())
            watch = held.enter_context(self.hangups.watch(request.environ.get("gunicorn.socket")))
            answer = backend.ask(raw, watch.on_hangup)
            pieces = until_it_breaks(answer.body)
            return in_pieces(pieces, held.pop_all(), answer.content_type or None, answer.status)


def vector_routes(vectors: VectorRoutes) -> Blueprint:
    routes = Blueprint("vectors", __name__)

    @routes.post("/v1/embeddings")
    def embeddings() -> Response:
        raw = read_body(request, vectors.limits.chat_body_bytes)
        body = parse_json(raw)
        backend = vectors.services.embedding_backend()
        if backend is not None and vectors.elsewhere(body):
            return vectors.forward(backend, raw)
        del raw
        return vectors.embed(parse_embedding(body))

    @routes.post("/v1/rerank")
    def rerank() -> Response:
        return vectors.rerank(parse_rerank(read_json(request, vectors.limits.chat_body_bytes)))

    return routes
