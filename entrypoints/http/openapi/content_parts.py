"""A part of a turn's content, as JSON Schema."""

from __future__ import annotations

from entrypoints.http.openapi.json_shapes import STRING, Shape, constant, nullable, record
from entrypoints.http.schemas.content import (
    AUDIOS,
    DETAILS,
    LONGEST_NAME,
    MEDIA_PARTS,
    SHOWN,
    SOUND_FORMATS,
    TEXT_PARTS,
    URL_FIELDS,
)

URL: Shape = {
    "type": "string",
    "description": "A data URL with base64. Nothing is fetched: other URLs, in earlier turns, are only counted.",
}
DETAIL = nullable(constant(*DETAILS))
NAME = nullable({"type": "string", "maxLength": LONGEST_NAME})


def content_part() -> Shape:
    """Whether a part that is not text can be read depends on its place and on the model."""
    texts = [record({"type": constant(kind), field: STRING}) for kind, field in TEXT_PARTS.items()]
    shown = [_shown(kind) for kind in sorted(SHOWN)]
    others = record({"type": constant(*(kind for kind in MEDIA_PARTS if kind not in SHOWN | AUDIOS))})
    return {"description": "A piece of a turn.", "anyOf": [*texts, *shown, *map(_heard, sorted(AUDIOS)), others]}


def _heard(kind: str) -> Shape:
    data = {**STRING, "contentEncoding": "base64", "minLength": 1}
    return record(
        {"type": constant(kind), kind: record({"data": data}, {"format": nullable(constant(*SOUND_FORMATS))})}
    )


def _shown(kind: str) -> Shape:
    """A picture or video: the URL itself, or an object around it, which then has `detail`."""
    around = record({"url": URL}, {"detail": DETAIL})
    return record(
        {"type": constant(kind), URL_FIELDS[kind]: {"anyOf": [URL, around]}}, {"name": NAME, "detail": DETAIL}
    )
