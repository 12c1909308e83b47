"""POST /v1/cache/explain: a conversation in, and what the prompt cache knows of it out."""

from __future__ import annotations

from contextlib import ExitStack

from flask import Blueprint, Response, jsonify, request

from entrypoints.http.admission import AnswerSlots
from entrypoints.http.limits import HttpLimits
from entrypoints.http.media_room import MediaRoom, read_chat
from entrypoints.http.presenters.explanation import present_explanation
from entrypoints.http.presenters.ignored import HEADER, present_ignored
from entrypoints.http.services import Services


def cache_routes(services: Services, limits: HttpLimits, slots: AnswerSlots, room: MediaRoom) -> Blueprint:
    routes = Blueprint("cache", __name__)

    @routes.post("/v1/cache/explain")
    def explain() -> Response:
        """The body is a chat's; what shapes an answer changes nothing."""
        with ExitStack() as held:
            body = read_chat(request, limits, room, held)
            held.enter_context(slots.take())
            explained = services.explain_prompt().execute(body.model, body.request, body.loaded)
        response = jsonify(present_explanation(explained))
        if body.ignored:
            response.headers[HEADER] = present_ignored(body.ignored)
        return response

    return routes
