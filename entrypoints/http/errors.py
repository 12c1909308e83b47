"""The one table from our error tree to HTTP, and the body every failed request gets."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException

from domain.errors import (
    AccessDenied,
    AmbiguousModel,
    BackendFailed,
    BackendTimeout,
    CannotTranslate,
    CapabilityMismatch,
    Conflict,
    ContextLengthExceeded,
    DeadlineMissed,
    DependencyMissing,
    DiskFull,
    DownloadFailed,
    DownloadRefused,
    EngineDied,
    GenerationFailed,
    InsufficientMemory,
    InternalError,
    Interrupted,
    InvalidMedia,
    InvalidRequest,
    KeyMissing,
    MlxkError,
    ModelLoadFailed,
    ModelNotFound,
    ModelNotRunnable,
    ModelSuspended,
    ModelUnhealthy,
    PayloadTooLarge,
    PortInUse,
    PushFailed,
    RepoNotFound,
    ServerBusy,
    ServerNotFound,
    ServerShutdown,
    TokenMissing,
    UnsupportedMultimodal,
    UnsupportedParameter,
    UploadFailed,
    UsageError,
    WorkspaceNotFound,
)
from entrypoints.http.request_counts import note
from entrypoints.http.request_ids import current_request_id

log = logging.getLogger(__name__)

STATUS: Mapping[type[MlxkError], int] = {
    UsageError: 400,
    InvalidMedia: 400,
    KeyMissing: 401,
    ModelSuspended: 503,
    InvalidRequest: 400,
    UnsupportedParameter: 400,
    ContextLengthExceeded: 400,
    CapabilityMismatch: 400,
    CannotTranslate: 422,
    PayloadTooLarge: 413,
    ModelNotFound: 404,
    AmbiguousModel: 400,
    AccessDenied: 403,
    Conflict: 409,
    DownloadFailed: 503,
    DownloadRefused: 502,
    DiskFull: 507,
    ModelUnhealthy: 422,
    ModelNotRunnable: 501,
    WorkspaceNotFound: 404,
    RepoNotFound: 404,
    TokenMissing: 401,
    UnsupportedMultimodal: 501,
    DependencyMissing: 501,
    UploadFailed: 502,
    PushFailed: 500,
    InsufficientMemory: 507,
    ModelLoadFailed: 500,
    GenerationFailed: 500,
    DeadlineMissed: 504,
    EngineDied: 502,
    BackendFailed: 502,
    BackendTimeout: 504,
    ServerBusy: 503,
    ServerShutdown: 503,
    PortInUse: 500,
    ServerNotFound: 404,
    Interrupted: 499,  # whoever waited has hung up
    InternalError: 500,
}

# Clients retry every 5xx unless told otherwise; these would only fail again, the third after minutes of loading.
NEVER_RETRY = (ModelNotRunnable, DependencyMissing, InsufficientMemory, ModelLoadFailed, DiskFull, DownloadRefused)
SHOWN = 100
RETRY_AFTER_SECONDS = {ServerBusy: 1, ServerShutdown: 5}


class ClientGone(Exception):
    """The client hung up: nobody reads an answer."""


class ProtocolFault(Exception):
    """A fault of HTTP itself (media type, time), before there is a request of ours to judge."""

    def __init__(self, status: int, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint


def error_object(fault: MlxkError) -> dict[str, object]:
    """`error` on the wire, in bodies and in streams."""
    fields: dict[str, object] = {
        "type": fault.type,
        "message": fault.message,
        "code": fault.code,
        "param": fault.param,
        "retryable": fault.retryable,
    }
    optional = {"hint": fault.hint, "matches": list(fault.matches), "detail": fault.detail}
    return fields | {name: value for name, value in optional.items() if value}


def envelope(error: Mapping[str, object]) -> dict[str, object]:
    return {"status": "error", "error": error, "request_id": current_request_id()}


def protocol_error(code: str, message: str, hint: str | None = None) -> dict[str, object]:
    """`error` for what has no class in our tree."""
    fields: dict[str, object] = {
        "type": InvalidRequest.type,
        "message": message,
        "code": code,
        "param": None,
        "retryable": False,
    }
    return fields | ({"hint": hint} if hint else {})


def respond(fault: MlxkError) -> Response:
    response = _json(envelope(error_object(fault)), STATUS[type(fault)])
    if isinstance(fault, NEVER_RETRY):
        response.headers["x-should-retry"] = "false"
    seconds = fault.detail.get("retry_after_seconds", RETRY_AFTER_SECONDS.get(type(fault)))
    if isinstance(seconds, int | float):
        response.headers["Retry-After"] = str(math.ceil(seconds))
    return response


def register_error_handlers(app: Flask) -> None:
    app.register_error_handler(MlxkError, _known)
    app.register_error_handler(ProtocolFault, _protocol)
    app.register_error_handler(HTTPException, _werkzeug)
    app.register_error_handler(ClientGone, lambda _: Response(status=499))
    app.register_error_handler(Exception, _unknown)


def _known(fault: MlxkError) -> Response:
    note(fault)
    status = STATUS[type(fault)]
    log.log(logging.WARNING if status >= 500 else logging.DEBUG, "%s: %s", type(fault).__name__, fault.message)
    return respond(fault)


def _protocol(fault: ProtocolFault) -> Response:
    return _json(envelope(protocol_error(fault.code, fault.message, fault.hint)), fault.status)


def _werkzeug(fault: HTTPException) -> Response:
    status = fault.code or 500
    code = (fault.name or "error").lower().replace(" ", "_")
    message, hint = fault.description or fault.name, None
    allowed = ", ".join(sorted(getattr(fault, "valid_methods", None) or ()))
    if status == 404:
        message, hint = f"there is no route {_shown(request.path)}", "GET /openapi.json has those that there are"
    elif status == 405:
        message, hint = f"{_shown(request.path)} does not answer {_shown(request.method)}", f"it answers {allowed}"
    response = _json(envelope(protocol_error(code, message, hint)), status)
    if allowed:
        response.headers["Allow"] = allowed
    return response


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _unknown(fault: Exception) -> Response:
    """The traceback goes to the log, the request's id to the client."""
    log.error("a request failed", exc_info=fault)
    return respond(unexpected())


def unexpected() -> InternalError:
    return InternalError("mlxk failed unexpectedly", hint="the server's log has the details, by this request's id")


def _json(body: Mapping[str, object], status: int) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")
