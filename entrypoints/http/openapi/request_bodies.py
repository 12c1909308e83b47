"""The bodies that clients may send, read off the schemas that judge them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from entrypoints.http.openapi.content_parts import content_part
from entrypoints.http.openapi.field_notes import NOTES, Note
from entrypoints.http.openapi.field_shapes import field_shape
from entrypoints.http.openapi.json_shapes import Shape, component, nullable
from entrypoints.http.schemas.extension import ExtensionSchema
from entrypoints.http.schemas.parameters import BODIES, REFUSED_INSIDE
from entrypoints.http.schemas.unsupported import NoOp

CLOSED = (ExtensionSchema,)  # names that they do not know are refused, everywhere else ignored


def request_bodies() -> dict[str, Shape]:
    """Every body, and every object inside one, by the name of its component."""
    found: dict[str, Shape] = {"ContentPart": content_part()}
    for body in BODIES:
        shape = _object(body.name, body.schema, body.refused, found)
        shape["properties"] |= {name: {"description": "Taken, without effect."} for name in body.without_effect}
        found[body.name] = {"description": body.about, **shape}
    return found


def _object(owner: str, schema: Schema, refused: Mapping[str, NoOp], found: dict[str, Shape]) -> Shape:
    def named(field: fields.Nested) -> Shape:
        inner = field.schema
        name = component_name(type(inner))
        if name not in found:
            found[name] = {}
            found[name] = _object(name, inner, REFUSED_INSIDE.get(type(inner), {}), found)
        return component(name)

    properties = {
        name: _property(owner, name, field, field_shape(field, named))
        for name, field in schema.fields.items()
        if name not in refused
    }
    properties |= {name: _refused(no_op) for name, no_op in refused.items()}
    shape: Shape = {"type": "object", "properties": properties}
    if required := [name for name, field in schema.fields.items() if field.required]:
        shape["required"] = required
    return shape | ({"additionalProperties": False} if isinstance(schema, CLOSED) else {})


def component_name(schema: type[Schema]) -> str:
    return schema.__name__.removesuffix("Schema")


def _property(owner: str, name: str, field: fields.Field[Any], shape: Shape) -> Shape:
    note = NOTES.get((owner, name)) or NOTES.get(("", name)) or Note("")
    shape = note.bound(shape)
    if field.allow_none:
        shape = nullable(shape)
    return {"description": note.about, **shape} if note.about else shape


def _refused(no_op: NoOp) -> Shape:
    """Of a parameter that we know and do not honour, the values that ask for nothing."""
    return {"description": "Not supported: any other value is refused.", "enum": [None, *no_op.values]}
