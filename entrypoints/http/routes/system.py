"""Is the server alive, can it answer, and is it the one that a command of ours has found?"""

from __future__ import annotations

import platform
import re

from flask import Blueprint, Response, jsonify, request

from domain.errors import InvalidRequest
from domain.serving.metrics import MetricFamily, gauge
from entrypoints.http.admission import AnswerSlots
from entrypoints.http.presenters.exposition import CONTENT_TYPE, present_metrics
from entrypoints.http.services import Services
from mlxk import __version__

CHALLENGE = re.compile(r"[0-9a-f]{32,128}")


def system_routes(services: Services, slots: AnswerSlots) -> Blueprint:
    routes = Blueprint("system", __name__)

    @routes.get("/health")
    def health() -> Response:
        """Liveness: 200 as soon as the process answers."""
        return jsonify(status="healthy", service="mlxk", version=__version__)

    @routes.get("/ready")
    def ready() -> Response:
        """200 once requests can be answered, else 503 with the state and the reason."""
        readiness = services.check_readiness().execute()
        told = {"ready": readiness.ready, "state": readiness.state.value, "models": readiness.models}
        response = jsonify(told if readiness.reason is None else {**told, "reason": readiness.reason})
        response.status_code = 200 if readiness.ready else 503
        return response

    @routes.get("/metrics")
    def metrics() -> Response:
        """Everything that is counted, for Prometheus."""
        families = [*services.read_metrics().execute(), *_own_families(slots)]
        return Response(present_metrics(families), content_type=CONTENT_TYPE)

    @routes.get("/v1/mlxk/server")
    def introduction() -> Response:
        """For this user's own commands: only they can judge the proof, and know what the tokens stand for."""
        challenge = request.args.get("challenge", "")
        if not CHALLENGE.fullmatch(challenge):
            raise InvalidRequest("challenge: must be 32 to 128 hexadecimal digits", param="challenge")
        told = services.presence().introduce(challenge)
        models = [{"name": each.name, "load": each.load, "need_bytes": each.need_bytes} for each in told.models]
        return jsonify(proof=told.proof, models=models, requests=told.requests)

    return routes


def _own_families(slots: AnswerSlots) -> list[MetricFamily]:
    build = (("python", platform.python_version()), ("version", __version__))
    return [
        gauge("mlxk_open_answers", "Answers that hold a place, streamed or not", [((), slots.open)]),
        gauge("mlxk_build_info", "1; what runs here", [(build, 1)]),
    ]
