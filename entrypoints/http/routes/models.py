"""Which models a client may ask for; bring one in, send one away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Blueprint, Response, jsonify, request
from werkzeug.routing import PathConverter

from entrypoints.http.admission import AnswerSlots
from entrypoints.http.body import read_json
from entrypoints.http.hangups import HangupWatcher
from entrypoints.http.limits import HttpLimits
from entrypoints.http.presenters.ignored import naming_ignored
from entrypoints.http.presenters.models import ListingBody, present_model, present_unloaded
from entrypoints.http.schemas.models import parse_load, parse_unload
from entrypoints.http.services import Services

log = logging.getLogger(__name__)


class ModelPath(PathConverter):
    """A model's name, slashes and all; not the words that are routes of their own, which take POST alone."""

    regex = r"(?!(?:un)?load\Z)[^/].*?"


def model_routes(services: Services, limits: HttpLimits, slots: AnswerSlots, hangups: HangupWatcher) -> Blueprint:
    routes = Blueprint("models", __name__)
    listing = ListingBody()

    @contextmanager
    def waiting() -> Iterator[Callable[[], bool]]:
        """A place like an answer's; what it yields tells whether the client has gone."""
        with slots.take(), hangups.watch(request.environ.get("gunicorn.socket")) as watch:
            watch.on_hangup(services.model_pool().wake)
            yield lambda: watch.gone

    @routes.get("/v1/models")
    def list_models() -> Response:
        return Response(listing.of(services.list_served_models().execute()), mimetype="application/json")

    @routes.get("/v1/models/<model:model_id>")
    def one_model(model_id: str) -> Response:
        """model_id: any spelling that a request may use, slashes and all."""
        return jsonify(present_model(services.list_served_models().one(model_id)))

    @routes.post("/v1/models/load")
    def load_model() -> Response:
        """Answers when it is loaded; at once when it was."""
        body = parse_load(read_json(request, limits.chat_body_bytes))
        with waiting() as given_up:
            prepared = services.bring_in_model().execute(body.model, pinned=body.pinned, given_up=given_up)
        if prepared.warning is not None:
            log.warning("%s", prepared.warning)
        model = services.list_served_models().of(prepared.model)
        return naming_ignored(body.ignored, jsonify(present_model(model)))

    @routes.post("/v1/models/unload")
    def unload_model() -> Response:
        """Answers when its memory is back."""
        body = parse_unload(read_json(request, limits.chat_body_bytes))
        with waiting() as given_up:
            unloaded = services.unload_model().execute(body.model, force=body.force, given_up=given_up)
        return naming_ignored(body.ignored, jsonify(present_unloaded(unloaded)))

    return routes
