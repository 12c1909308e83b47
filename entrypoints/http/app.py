"""The Flask app: routes, limits, error bodies and request ids around a set of services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from flask.json.provider import DefaultJSONProvider

from entrypoints.http.admission import AnswerSlots
from entrypoints.http.errors import register_error_handlers
from entrypoints.http.gate import Doors, Gate
from entrypoints.http.hangups import HangupWatcher
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import Address
from entrypoints.http.media_room import MediaRoom
from entrypoints.http.request_counts import count_responses
from entrypoints.http.request_ids import HEADER, begin_request, current_request_id
from entrypoints.http.routes.about import about_routes
from entrypoints.http.routes.answering import AnsweringRoutes
from entrypoints.http.routes.cache import cache_routes
from entrypoints.http.routes.chat import chat_routes
from entrypoints.http.routes.completions import completion_routes
from entrypoints.http.routes.embeddings import VectorRoutes, vector_routes
from entrypoints.http.routes.models import ModelPath, model_routes
from entrypoints.http.routes.system import system_routes
from entrypoints.http.routes.transcriptions import transcription_routes
from entrypoints.http.services import Services
from entrypoints.http.share import share_routes


class PlainApp(Flask):
    """Flask without asynchronous functions: it would look whether each is one, at every call."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(
    services: Services,
    limits: HttpLimits,
    slots: AnswerSlots | None = None,
    doors: Doors | None = None,
    *,
    share: bool = False,
) -> Flask:
    """slots: the places for answers, shared with whoever closes them; default `limits.open_answers` of its own.
    doors: who may come in; default whoever asks on this machine. share: whether the cached models can be pulled from
    here.
    """
    app = PlainApp("mlxk", static_folder=None)
    app.json = DefaultJSONProvider(app)
    app.json.sort_keys = False
    app.url_map.merge_slashes = False
    app.url_map.converters["model"] = ModelPath
    app.before_request(_begin_request)
    app.after_request(_name_request)
    doors = doors or Doors.at(Address("127.0.0.1", 0))
    Gate(doors, lambda *request: services.presence().admits(*request)).stand_before(app)
    count_responses(app, services.meter)
    register_error_handlers(app)
    slots = slots or AnswerSlots(limits.open_answers)
    room = MediaRoom(limits.media_bytes)
    app.register_blueprint(system_routes(services, slots))
    app.register_blueprint(about_routes(services, limits, keyed=doors.keys is not None, share=share))
    hangups = HangupWatcher()
    app.register_blueprint(model_routes(services, limits, slots, hangups))
    answering = AnsweringRoutes(services, limits, slots, hangups, room)
    app.register_blueprint(chat_routes(answering))
    app.register_blueprint(completion_routes(answering))
    app.register_blueprint(transcription_routes(answering))
    app.register_blueprint(vector_routes(VectorRoutes(services, limits, slots, hangups)))
    app.register_blueprint(cache_routes(services, limits, slots, room))
    if share:
        app.register_blueprint(share_routes(services.shared_hub))
    return app


def _begin_request() -> None:
    begin_request(request.headers.get(HEADER))


def _name_request(response: Response) -> Response:
    response.headers[HEADER] = current_request_id() or begin_request(None)
    return response
