"""A part of a turn's content, as JSON Schema."""

from __future__ import annotations

from entrypoints.http.openapi.json_shapes import STRING, Shape, constant, record
from entrypoints.http.schemas.content import MEDIA_PARTS, TEXT_PARTS


def content_part() -> Shape:
    """Parts of other kinds than text are known by their type; whether they can be read depends on the model."""
    texts = [record({"type": constant(kind), field: STRING}) for kind, field in TEXT_PARTS.items()]
    media = record({"type": constant(*MEDIA_PARTS)})
    return {"description": "A piece of a turn.", "anyOf": [*texts, media]}
