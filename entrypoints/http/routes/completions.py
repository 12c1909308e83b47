"""POST /v1/completions: prompts in, what follows them out, whole or streamed."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request

from application.inference.several import ChoiceEvent
from entrypoints.http.body import read_json
from entrypoints.http.presenters.completion import CompletionChunks, present_completion
from entrypoints.http.presenters.identity import AnswerIdentity, AnswerShape
from entrypoints.http.routes.answering import AnsweringRoutes
from entrypoints.http.schemas.answers import Answers
from entrypoints.http.schemas.completion import parse_completion


def completion_routes(answering: AnsweringRoutes) -> Blueprint:
    routes = Blueprint("completions", __name__)
    limits = answering.limits

    @routes.post("/v1/completions")
    def completions() -> Response:
        asked = parse_completion(read_json(request, limits.chat_body_bytes), limits.default_max_tokens)
        return answering.respond(asked, CompletionForm())

    return routes


class CompletionForm:
    """Form of the older API."""

    called = "prompt"

    def whole(self, asked: Answers, model: str, events: Iterator[ChoiceEvent]) -> dict[str, object]:
        return present_completion(AnswerIdentity.fresh(model, "cmpl"), events, _shape(asked))

    def chunks(self, asked: Answers, model: str) -> CompletionChunks:
        return CompletionChunks(AnswerIdentity.fresh(model, "cmpl"), _shape(asked))


def _shape(asked: Answers) -> AnswerShape:
    scored = asked.request.logprobs is not None
    return AnswerShape(scored, asked.report, asked.include_usage, len(asked.requests), asked.answers)
