"""The body of POST /v1/audio/speech."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from marshmallow import ValidationError

from domain.errors import InvalidRequest
from domain.inference.sound import SoundFormat
from domain.inference.speech import SpeechRequest
from domain.inference.speech_limits import MOST_SPOKEN_CHARACTERS
from entrypoints.http.schemas.embedding import Choice
from entrypoints.http.schemas.problems import found, load
from entrypoints.http.schemas.strict import (
    StrictField,
    StrictInteger,
    StrictNumber,
    StrictSchema,
    StrictString,
    whole_characters,
)
from entrypoints.http.schemas.unsupported import SPEECH, refuse_unsupported, without_known


class StreamFormat(StrEnum):
    AUDIO = "audio"
    SSE = "sse"


class VoiceName(StrictField[str]):
    """A voice's name, or an object with its id, as OpenAI's API has for voices of one's own; its name afterwards."""

    def read(self, value: object) -> str:
        if isinstance(value, Mapping):
            value = value.get("id")
        if not isinstance(value, str):
            raise ValidationError(f'must be a name, or {{"id": name}}, got {found(value)}')
        if not value.strip():
            raise ValidationError("must not be empty")
        return whole_characters(value)


class SpeechSchema(StrictSchema):
    model = StrictString(required=True)
    input = StrictString(required=True)
    voice = VoiceName(load_default=None)
    response_format = Choice(*SoundFormat, load_default=None)
    speed = StrictNumber(load_default=None)
    instructions = StrictString(load_default=None)
    stream_format = Choice(*StreamFormat, load_default=None)
    language = StrictString(load_default=None)
    seed = StrictInteger(load_default=None)


@dataclass(frozen=True, slots=True)
class SpeechBody:
    """events: the pieces are wanted as server-sent events. ignored: fields that nobody knows."""

    model: str
    request: SpeechRequest
    events: bool
    ignored: tuple[str, ...]


_SPEECH = SpeechSchema()


def parse_speech(body: object) -> SpeechBody:
    """Raises InvalidRequest, UnsupportedParameter, naming the field."""
    values = load(_SPEECH, body)
    refuse_unsupported(values, SPEECH)
    text = values["input"]
    if len(text) > MOST_SPOKEN_CHARACTERS:
        raise InvalidRequest(
            f"input has {len(text):,} characters, {MOST_SPOKEN_CHARACTERS:,} are the most",
            hint="say it in several requests; `mlxk speak` takes texts of any length",
            param="input",
        )
    request = SpeechRequest(
        text,
        voice=values["voice"],
        speed=1.0 if values["speed"] is None else values["speed"],
        format=SoundFormat(values["response_format"] or SoundFormat.MP3),
        language=values["language"] or None,
        instructions=values["instructions"] or None,
        seed=values["seed"],
        streamed=True,
    )
    ignored = without_known(_SPEECH.undeclared(values), SPEECH)
    return SpeechBody(values["model"], request, values["stream_format"] == StreamFormat.SSE, tuple(ignored))
