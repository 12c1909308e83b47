"""What is wrong with a body, in one sentence that names every place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, ValidationError

from domain.errors import InvalidRequest

SHOWN_PROBLEMS = 10


def found(value: object) -> str:
    """A JSON value's kind, for "got ..."."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"


def load(schema: Schema, body: object) -> dict[str, Any]:
    """The body as the schema reads it. Raises InvalidRequest naming every problem; `param` is the first one's path."""
    if not isinstance(body, Mapping):
        raise InvalidRequest(f"the body must be a JSON object, got {found(body)}")
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as fault:
        problems = list(_paths(fault.messages))
        shown = [f"{path}: {text}" for path, text in problems[:SHOWN_PROBLEMS]]
        if len(problems) > SHOWN_PROBLEMS:
            shown.append(f"and {len(problems) - SHOWN_PROBLEMS} more")
        raise InvalidRequest("; ".join(shown), param=problems[0][0]) from fault
    return loaded


def _paths(messages: object, path: str = "") -> Iterator[tuple[str, str]]:
    """(`messages.0.content`, "must be ...") for every problem, in the order of the fields."""
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            inner = path if key == "_schema" else f"{path}.{key}" if path else str(key)
            yield from _paths(below, inner)
    elif isinstance(messages, list):
        for each in messages:
            yield from _paths(each, path)
    else:
        yield path, str(messages)
