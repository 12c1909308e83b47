"""One line for each request, when its answer has ended: also for streams, and for what was no request of HTTP."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

log = logging.getLogger("mlxk.access")

MODEL = "mlxk.model"  # where a route notes in the request's environ which model answers
LONGEST_PATH = 200
# Asked every few seconds by machines, or by every command.
PROBES = frozenset({"/health", "/ready", "/metrics", "/v1/mlxk/server"})


def note_model(environ: MutableMapping[str, Any], name: str) -> None:
    environ[MODEL] = name


def configure_access_log(*, wanted: bool) -> None:
    log.disabled = not wanted


def log_answer(response: Any, asked: Any, environ: MutableMapping[str, Any], took: timedelta, *, cut: bool) -> None:
    """response, asked: gunicorn's. took: from the request's head to the answer's end. cut: it was not sent to the end.

    The query stays out: it may hold secrets.
    """
    path = str(asked.path or "")
    level = logging.DEBUG if path in PROBES else logging.INFO
    if not log.isEnabledFor(level) or response is None or response.status is None:
        return
    fields: dict[str, object] = {
        "method": asked.method,
        "path": path[:LONGEST_PATH],
        "status": response.status_code,
        "bytes": response.sent,
        "ms": round(took.total_seconds() * 1000, 1),
    }
    if (model := environ.get(MODEL)) is not None:
        fields["model"] = model
    if cut:
        fields["cut"] = True
    _write(level, fields)


def log_session(path: str, sent_bytes: int, seconds: float) -> None:
    """For a WebSocket, when it has ended: gunicorn sees no answer there."""
    if log.isEnabledFor(logging.INFO):
        milliseconds = round(seconds * 1000, 1)
        _write(logging.INFO, {"method": "GET", "path": path, "status": 101, "bytes": sent_bytes, "ms": milliseconds})


def log_refusal(status: int, sent_bytes: int) -> None:
    """For what could not be read as a request."""
    if log.isEnabledFor(logging.INFO):
        _write(logging.INFO, {"method": "-", "path": "-", "status": status, "bytes": sent_bytes})


def _write(level: int, fields: dict[str, object]) -> None:
    words = [f"{fields['method']} {fields['path']} {fields['status']}, {fields['bytes']} bytes"]
    if "ms" in fields:
        words.append(f"{fields['ms']} ms")
    if "model" in fields:
        words.append(str(fields["model"]))
    if "cut" in fields:
        words.append("cut short")
    log.log(level, "%s", ", ".join(words), extra={"fields": fields})
