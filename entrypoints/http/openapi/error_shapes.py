"""What failed requests get: one envelope, and a response for each status."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from domain.errors import InvalidRequest, MlxkError
from entrypoints.http.errors import NEVER_RETRY, RETRY_AFTER_SECONDS, STATUS
from entrypoints.http.openapi.json_shapes import BOOLEAN, STRING, STRINGS, Shape, component, constant, nullable, record

# Faults of HTTP itself. 408, 414 and 431 are told before a route is known, and 405 is the answer to other methods.
OF_HTTP = {
    400: "Not a request of HTTP, or one without a Host.",
    404: "No such route.",
    405: "The route does not have this method; `Allow` names those that it has.",
    408: "The request came too slowly.",
    414: "The request line is too long.",
    415: "The body is not announced as application/json.",
    416: "The range lies beyond the end.",
    426: "The route speaks WebSocket alone, and the request has not its headers.",
    431: "Too many headers, or one that is too long.",
}
REQUEST_ID: Shape = {"$ref": "#/components/headers/X-Request-ID"}

# As RFC 9110 has them, and Python from 3.13 on; the document is the same whoever writes it.
_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


def error_shapes() -> dict[str, Shape]:
    error = record(
        {
            "type": constant(*sorted({kind.type for kind in STATUS} | {InvalidRequest.type})),
            "message": {"type": "string", "description": "A sentence that names what was wrong."},
            "code": {"type": "string", "description": "A finer name than `type`."},
            "param": nullable({"type": "string", "description": "The field at fault, as a path."}),
            "retryable": {**BOOLEAN, "description": "The same request may succeed later."},
        },
        {
            "hint": {"type": "string", "description": "The way out."},
            "matches": {**STRINGS, "description": "Models that the name could mean."},
            "detail": {"type": "object", "description": "Further facts."},
        },
    )
    return {
        "Error": record(
            {"status": constant("error"), "error": error, "request_id": nullable(STRING)},
            about="What every failed request gets, and the last event of a stream that fails.",
        )
    }


def error_responses() -> dict[str, Shape]:
    """By the name of the component: `Error400` and so on."""
    return {f"Error{status}": _response(status) for status in sorted({*STATUS.values(), *OF_HTTP} - {416})}


def error_reference(status: int) -> Shape:
    return {"$ref": f"#/components/responses/Error{status}"}


def _response(status: int) -> Shape:
    return {
        "description": " ".join(_words(status)),
        "headers": {"X-Request-ID": REQUEST_ID, **_headers(status)},
        "content": {"application/json": {"schema": component("Error")}},
    }


def _words(status: int) -> Iterator[str]:
    yield f"{_RENAMED.get(status) or HTTPStatus(status).phrase}." if status in set(HTTPStatus) else f"Status {status}."
    if status in OF_HTTP:
        yield OF_HTTP[status]
    if codes := sorted({kind.code for kind, its in STATUS.items() if its == status}):
        yield f"Codes: {', '.join(codes)}."


def _headers(status: int) -> dict[str, Shape]:
    kinds = [kind for kind, its in STATUS.items() if its == status]
    found: dict[str, Shape] = {}
    if status == 401:
        found["WWW-Authenticate"] = {"schema": STRING}
    if status == 405:
        found["Allow"] = {"required": True, "schema": STRING}
    if any(_waits(kind) for kind in kinds):
        found["Retry-After"] = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
    if any(issubclass(kind, NEVER_RETRY) for kind in kinds):
        found["x-should-retry"] = {"description": "Only ever false.", "schema": constant("false")}
    return found


def _waits(kind: type[MlxkError]) -> bool:
    return kind in RETRY_AFTER_SECONDS or kind.code == "model_suspended"
