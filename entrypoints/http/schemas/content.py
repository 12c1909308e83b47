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
VIDEOS = frozenset({"video_url"})
SHOWN = IMAGES | VIDEOS
MEDIA_PARTS = {
    "image_url": "pictures",
    "input_image": "pictures",
    "input_audio": "sound",
    "video_url": "video",
    "file": "files",
    "input_file": "files",
}
URL_FIELDS = {"image_url": "image_url", "input_image": "image_url", "video_url": "video_url"}
DETAILS = ("low", "high", "auto")
LONGEST_NAME = 255
# A hint alone: what a sound is, its own bytes tell.
SOUND_FORMATS = ("wav", "mp3", "mpeg", "flac", "ogg", "opus", "m4a", "mp4", "webm", "aac", "aiff")

TEXT_PARTS = {"text": "text", "refusal": "refusal"}
NULL: ErrorMessages = {"null": "must be a string or a list of parts, got null"}


@dataclass(frozen=True, slots=True)
class MediaPart:
    """A part that is not text. kind: its `type`; index: its place in the list; at: characters of text before it. url:
    of pictures and videos, None where they have none. data: of sounds, as base64. name: what the client calls it, or
    what its format says.
    """

    kind: str
    index: int
    at: int = 0
    url: str | None = None
    name: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """text: the text parts, with a line end between two that follow each other; what is shown between two parts them
    already. media: the parts that are not text.
    """

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
        texts: list[str] = []
        media: list[MediaPart] = []
        wrong: dict[int, Any] = {}
        length, parted = 0, True
        for index, each in enumerate(value):
            try:
                part = _part(each, index, length)
            except ValidationError as fault:
                wrong[index] = fault.messages
                continue
            if isinstance(part, MediaPart):
                media.append(part)
                parted = parted or part.kind in SHOWN
                continue
            texts.append(part if parted else f"\n{part}")
            length, parted = length + len(texts[-1]), False
        if wrong:
            raise ValidationError(wrong)
        return Content("".join(texts), tuple(media))


def _part(value: object, index: int, at: int) -> str | MediaPart:
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
    if isinstance(kind, str) and kind in SHOWN:
        return _shown(kind, value, index, at)
    if isinstance(kind, str) and kind in AUDIOS:
        return _heard(kind, value, index, at)
    if isinstance(kind, str) and kind in MEDIA_PARTS:
        return MediaPart(kind, index, at)
    known = ", ".join(["text", *MEDIA_PARTS])
    raise ValidationError({"type": [f"must be one of {known}"] if "type" in value else ["is missing"]})


def _heard(kind: str, part: dict[str, object], index: int, at: int) -> MediaPart:
    """`{"type": "input_audio", "input_audio": {"data": "...", "format": "wav"}}`; in earlier turns it may have lost its
    data.
    """
    given = part.get(kind, {})
    if not isinstance(given, dict):
        raise ValidationError({kind: [f"must be an object, got {found(given)}"]})
    data, form = given.get("data"), given.get("format")
    if data is not None and not isinstance(data, str):
        raise ValidationError({kind: {"data": [f"must be a string, got {found(data)}"]}})
    if form is not None and form not in SOUND_FORMATS:
        raise ValidationError({kind: {"format": [f"must be one of {', '.join(SOUND_FORMATS)}"]}})
    return MediaPart(kind, index, at, name=None if form is None else f"sound.{form}", data=data)


def _shown(kind: str, part: dict[str, object], index: int, at: int) -> MediaPart:
    """`{"type": "image_url", "image_url": "data:..."}`, or with `{"url": "data:...", "detail": "low"}` in its place."""
    field = URL_FIELDS[kind]
    given = part.get(field)
    holder, key = (given, "url") if isinstance(given, dict) else (part, field)
    url, detail, name = holder.get(key), holder.get("detail"), part.get("name")
    if not isinstance(url, str):
        problem = f"must be a string, got {found(url)}" if key in holder else "is missing"
        raise ValidationError({field: {key: [problem]} if holder is given else [problem]})
    if detail is not None and detail not in DETAILS:
        raise ValidationError({"detail": [f"must be one of {', '.join(DETAILS)}"]})
    if name is not None and not (isinstance(name, str) and len(name) <= LONGEST_NAME):
        raise ValidationError({"name": [f"must be a string of at most {LONGEST_NAME} characters"]})
    return MediaPart(kind, index, at, url, name)
