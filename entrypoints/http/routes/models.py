"""Which models a client may ask for."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from domain.errors import ModelNotFound
from entrypoints.http.presenters.models import present_model
from entrypoints.http.services import Services


def model_routes(services: Services) -> Blueprint:
    routes = Blueprint("models", __name__)

    @routes.get("/v1/models")
    def list_models() -> Response:
        reports = services.list_served_models().execute()
        return jsonify(object="list", data=[present_model(each) for each in reports])

    @routes.get("/v1/models/<path:model_id>")
    def one_model(model_id: str) -> Response:
        """model_id: as the listing gives it, slashes and all."""
        for report in services.list_served_models().execute():
            if report.name == model_id:
                return jsonify(present_model(report))
        raise ModelNotFound(f"model {model_id!r} is not served here", hint="GET /v1/models lists them", param="model")

    return routes
