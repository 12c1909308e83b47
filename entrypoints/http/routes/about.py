"""What the server takes and answers, and what it can do: for clients that want to know before they ask."""

from __future__ import annotations

import re
from functools import cache

from flask import Blueprint, Flask, Response, current_app, json, jsonify

from entrypoints.http.limits import HttpLimits
from entrypoints.http.openapi.document import openapi_document
from entrypoints.http.presenters.capabilities import Offer, present_capabilities
from entrypoints.http.services import Services

ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")


def about_routes(services: Services, limits: HttpLimits, *, keyed: bool, share: bool) -> Blueprint:
    """keyed: a key is demanded. share: the routes of `--share` are there."""
    routes = Blueprint("about", __name__)

    @cache
    def document() -> bytes:
        return json.dumps(openapi_document(share=share, keyed=keyed)).encode()

    @routes.get("/openapi.json")
    def openapi() -> Response:
        """Made with the first request for it."""
        return Response(document(), mimetype="application/json")

    @routes.get("/v1/capabilities")
    def capabilities() -> Response:
        offer = Offer(keyed, share, routes_of(current_app))
        return jsonify(present_capabilities(services.describe_server().execute(), limits, offer))

    return routes


def routes_of(app: Flask) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(path, methods) of every route, with the names of arguments in braces, sorted."""
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        found.setdefault(ARGUMENT.sub(r"{\1}", rule.rule), set()).update(rule.methods or ())
    return tuple((path, tuple(sorted(methods))) for path, methods in sorted(found.items()))
