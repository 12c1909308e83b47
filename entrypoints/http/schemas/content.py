"""A message's content: a string, or a list of parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError
from marshmallow.types import ErrorMessages

from entrypoints.http.schemas.problems import found
from entrypoints.http.schemas.strict import StrictField, whole_characters

IMAGES = frozenset({"image_url", "input_image"})
AUDIOS = frozenset({"input_audio"})
MEDIA_PARTS = {
    "image_url": "pictures",
    "input_image": "pictures",
    "input_audio": "sound",
    "video_url": "video",
    "file": "files",
    "input_file": "files",
}

TEXT_PARTS = {"text": "text", "refusal": "refusal"}
NULL: ErrorMessages = {"null": "must be a string or a list of parts, got null"}


@dataclass(frozen=True, slots=True)
class MediaPart:
    """A part that is not text. kind: its `type`; index: its place in the list."""

    kind: str
    index: int


@dataclass(frozen=True, slots=True)
class Content:
    """text: the text parts, one a line. media: the parts that are not text."""

    text: str
    media: tuple[MediaPart, ...] = ()


class TextOrParts(StrictField[Content]):
    """`"text"` or `[{"type": "text", "text": "..."}, ...]`; a refusal is text that the assistant said. Parts of other
    kinds that OpenAI knows are kept for the caller to judge.
    """

    default_error_messages = NULL

    def read(self, value: object) -> Content:
        if isinstance(value, str):
            return Content(whole_characters(value))
        if not isinstance(value, list):
            raise ValidationError(f"must be a string or a list of parts, got {found(value)}")
        parts: list[str | MediaPart] = []
        wrong: dict[int, Any] = {}
        for index, each in enumerate(value):
            try:
                parts.append(_part(each, index))
            except ValidationError as fault:
                wrong[index] = fault.messages
        if wrong:
            raise ValidationError(wrong)
        texts = [each for each in parts if isinstance(each, str)]
        return Content("\n".join(texts), tuple(each for each in parts if isinstance(each, MediaPart)))


def _part(value: object, index: int) -> str | MediaPart:
    if not isinstance(value, dict):
        raise ValidationError(f"must be an object with a type, got {found(value)}")
    kind = value.get("type")
    if isinstance(kind, str) and kind in TEXT_PARTS:
        field = TEXT_PARTS[kind]
        text = value.get(field)
        if not isinstance(text, str):
            problem = f"must be a string, got {found(text)}" if field in value else "is missing"
            raise ValidationError({field: [problem]})
        return whole_characters(text)
    if isinstance(kind, str) and kind in MEDIA_PARTS:
        return MediaPart(kind, index)
    known = ", ".join(["text", *MEDIA_PARTS])
    raise ValidationError({"type": [f"must be one of {known}"] if "type" in value else ["is missing"]})
