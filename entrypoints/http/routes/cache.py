"""POST /v1/cache/explain: a conversation in, and what the prompt cache knows of it out."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from entrypoints.http.admission import AnswerSlots
from entrypoints.http.body import read_json
from entrypoints.http.limits import HttpLimits
from entrypoints.http.presenters.explanation import present_explanation
from entrypoints.http.presenters.ignored import HEADER, present_ignored
from entrypoints.http.schemas.chat import parse_chat
from entrypoints.http.services import Services


def cache_routes(services: Services, limits: HttpLimits, slots: AnswerSlots) -> Blueprint:
    routes = Blueprint("cache", __name__)

    @routes.post("/v1/cache/explain")
    def explain() -> Response:
        """The body is a chat's; what shapes an answer changes nothing."""
        body = parse_chat(read_json(request, limits.chat_body_bytes), limits.default_max_tokens)
        with slots.take():
            explained = services.explain_prompt().execute(body.model, body.request, body.loaded)
        response = jsonify(present_explanation(explained))
        if body.ignored:
            response.headers[HEADER] = present_ignored(body.ignored)
        return response

    return routes
