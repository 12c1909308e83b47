"""Every response counted, by the rule that matched: what clients write never becomes a label."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, g

from domain.errors import MlxkError, ModelSuspended, ServerBusy, ServerShutdown
from entrypoints.http.current import current_request
from entrypoints.http.services import RequestMeter

TURNED_AWAY = (ModelSuspended, ServerBusy, ServerShutdown)
UNMATCHED, UNREADABLE = "unmatched", "unreadable"
OTHER_METHOD = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def count_responses(app: Flask, meter: Callable[[], RequestMeter]) -> None:
    @app.after_request
    def count(response: Response) -> Response:
        request = current_request()
        rule = request.url_rule
        method = request.method if request.method in METHODS else OTHER_METHOD
        meter().request(method, UNMATCHED if rule is None else rule.rule, response.status_code)
        if (code := g.pop("turned_away", None)) is not None:
            meter().rejected(code)
        return response


def note(fault: MlxkError) -> None:
    """This request is answered with this error."""
    if isinstance(fault, TURNED_AWAY):
        g.turned_away = fault.code
