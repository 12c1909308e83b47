"""Pieces of JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shape = dict[str, Any]

STRING: Shape = {"type": "string"}
INTEGER: Shape = {"type": "integer"}
COUNT: Shape = {"type": "integer", "minimum": 0}
NUMBER: Shape = {"type": "number"}
SECONDS: Shape = {"type": "number", "minimum": 0}
BOOLEAN: Shape = {"type": "boolean"}
STRINGS: Shape = {"type": "array", "items": STRING}


def component(name: str) -> Shape:
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Shape) -> Shape:
    return {"type": "array", "items": items}


def mapping(values: Shape) -> Shape:
    """An object with names that are not known beforehand."""
    return {"type": "object", "additionalProperties": values}


def nullable(shape: Shape) -> Shape:
    if "enum" in shape:
        return {**shape, **_or_null(shape), "enum": [*shape["enum"], None]}
    if isinstance(shape.get("type"), str):
        return {**shape, **_or_null(shape)}
    return {"anyOf": [shape, {"type": "null"}]}


def record(always: Mapping[str, Shape], sometimes: Mapping[str, Shape] | None = None, *, about: str = "") -> Shape:
    """An object. always: fields that are never absent. sometimes: those that may be."""
    shape: Shape = {"type": "object", "properties": {**always, **(sometimes or {})}, "required": list(always)}
    return {"description": about, **shape} if about else shape


def constant(*values: object) -> Shape:
    return {"enum": list(values)}


def _or_null(shape: Shape) -> Shape:
    return {"type": [shape["type"], "null"]} if "type" in shape else {}
