"""Is the server alive, and can it answer?"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from entrypoints.http.services import Services
from mlxk import __version__


def system_routes(services: Services) -> Blueprint:
    routes = Blueprint("system", __name__)

    @routes.get("/health")
    def health() -> Response:
        """Liveness: 200 as soon as the process answers."""
        return jsonify(status="healthy", service="mlxk", version=__version__)

    @routes.get("/ready")
    def ready() -> Response:
        """200 once requests can be answered, else 503 with the state."""
        readiness = services.check_readiness().execute()
        response = jsonify(ready=readiness.ready, state=readiness.state.value, models=readiness.models)
        response.status_code = 200 if readiness.ready else 503
        return response

    return routes
