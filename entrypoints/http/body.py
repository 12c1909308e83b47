"""A request's JSON body, read within limits and parsed strictly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

from flask import Request
from gunicorn.http.errors import ParseException

from domain.errors import InvalidRequest, PayloadTooLarge
from domain.json_depth import MOST_LEVELS, too_deep
from entrypoints.http.errors import ClientGone, ProtocolFault
from entrypoints.http.patience import TooSlow


def read_json(request: Request, max_bytes: int) -> object:
    """The parsed body. Raises as read_body and parse_json do."""
    return parse_json(read_body(request, max_bytes))


def read_body(request: Request, max_bytes: int) -> bytes:
    """The body as it came.

    Raises ProtocolFault 415 when it is not announced as JSON and 408 when it comes too slowly, PayloadTooLarge as soon
    as it is known to be too long, InvalidRequest when its chunks are broken, ClientGone when it ends early.
    """
    if request.mimetype != "application/json":
        given = request.mimetype or "none"
        raise ProtocolFault(
            415, "unsupported_media_type", f"the body must be application/json, got {given}", "set Content-Type"
        )
    return _read(request, max_bytes)


def parse_json(raw: bytes) -> object:
    """Strict JSON: UTF-8, no NaN or Infinity, no name twice in an object, no more than MOST_LEVELS in one another.

    Raises InvalidRequest.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise InvalidRequest(f"the body is not UTF-8: byte {fault.start} is wrong", hint="send UTF-8") from fault
    del raw  # with pictures it may be large, and the caller keeps none
    try:
        parsed: object = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except json.JSONDecodeError as fault:
        where = f"line {fault.lineno}, column {fault.colno}"
        raise InvalidRequest(f"the body is not JSON: {fault.msg} at {where}") from fault
    except ValueError as fault:
        raise InvalidRequest(f"the body is not JSON we can read: {fault}") from fault
    except RecursionError as fault:
        raise _nested_too_deeply() from fault
    if too_deep(parsed):
        raise _nested_too_deeply()
    return parsed


def _read(request: Request, max_bytes: int) -> bytes:
    announced = request.content_length
    if announced is not None and announced > max_bytes:
        raise _too_large(max_bytes)
    stream: BinaryIO = request.environ["wsgi.input"]
    try:
        raw = stream.read(max_bytes + 1)
    except TooSlow as fault:
        raise ProtocolFault(408, "request_timeout", "the body came too slowly") from fault
    except ParseException as fault:
        raise InvalidRequest(f"the body's chunks are broken: {fault}") from fault
    except OSError as fault:
        raise ClientGone from fault
    if len(raw) > max_bytes:
        raise _too_large(max_bytes)
    if announced is not None and len(raw) < announced:
        raise ClientGone
    return raw


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is larger than {max_bytes:,} bytes", hint="shorten the conversation")


def _nested_too_deeply() -> InvalidRequest:
    return InvalidRequest(f"the body is nested deeper than {MOST_LEVELS} levels", hint="send flatter values")


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"an object names {json.dumps(twice)} twice")
    return found
