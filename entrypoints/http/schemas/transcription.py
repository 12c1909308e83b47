"""The forms of POST /v1/audio/transcriptions and /v1/audio/translations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.errors import InvalidMedia, InvalidRequest
from domain.inference.sound import SoundBytes
from domain.inference.transcription import HearingTask, TranscriptionRequest
from entrypoints.http.form import Form
from entrypoints.http.schemas.embedding import Choice
from entrypoints.http.schemas.form_fields import FormBoolean, FormFile, FormNumber, FormWords, form_values
from entrypoints.http.schemas.problems import load
from entrypoints.http.schemas.strict import StrictSchema, StrictString
from entrypoints.http.schemas.unsupported import TRANSCRIPTIONS, TRANSLATIONS, refuse_unsupported, without_known

FILE = "file"
WORD, SEGMENT = "word", "segment"
GRANULARITIES = "timestamp_granularities"
# What clients send with brackets behind the name.
LISTS = (GRANULARITIES, "include", "keywords", "known_speaker_names", "known_speaker_references", "languages")


class ResponseFormat(StrEnum):
    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VERBOSE_JSON = "verbose_json"
    VTT = "vtt"

    @property
    def timed(self) -> bool:
        """It tells when something is said."""
        return self not in (ResponseFormat.JSON, ResponseFormat.TEXT)


class TranslationSchema(StrictSchema):
    file = FormFile(required=True)
    model = StrictString(required=True)
    language = StrictString(load_default=None)
    prompt = StrictString(load_default=None)
    response_format = Choice(*ResponseFormat, load_default=ResponseFormat.JSON.value)
    temperature = FormNumber(load_default=None)
    stream = FormBoolean(load_default=None)


class TranscriptionSchema(TranslationSchema):
    timestamp_granularities = FormWords(WORD, SEGMENT, load_default=())


@dataclass(frozen=True, slots=True)
class TranscriptionBody:
    """words, segments: whether verbose_json shows them. ignored: fields that nobody knows."""

    model: str
    request: TranscriptionRequest
    format: ResponseFormat
    stream: bool
    words: bool
    segments: bool
    ignored: tuple[str, ...]


_TRANSCRIPTION = TranscriptionSchema()
_TRANSLATION = TranslationSchema()


def parse_transcription(form: Form) -> TranscriptionBody:
    """Raises InvalidRequest, InvalidMedia, UnsupportedParameter, naming the field."""
    values = load(_TRANSCRIPTION, form_values(form, FILE, LISTS))
    refuse_unsupported(values, TRANSCRIPTIONS)
    granularities = values[GRANULARITIES]
    if granularities and values["response_format"] != ResponseFormat.VERBOSE_JSON:
        raise InvalidRequest(
            f"{GRANULARITIES} goes with response_format verbose_json only", hint="ask for that", param=GRANULARITIES
        )
    ignored = without_known(_TRANSCRIPTION.undeclared(values), TRANSCRIPTIONS)
    return _body(values, HearingTask.TRANSCRIBE, granularities, ignored)


def parse_translation(form: Form) -> TranscriptionBody:
    """As `parse_transcription`."""
    values = load(_TRANSLATION, form_values(form, FILE, LISTS))
    refuse_unsupported(values, TRANSLATIONS)
    return _body(values, HearingTask.TRANSLATE, (), without_known(_TRANSLATION.undeclared(values), TRANSLATIONS))


def _body(
    values: dict[str, Any], task: HearingTask, granularities: tuple[str, ...], ignored: list[str]
) -> TranscriptionBody:
    upload = values[FILE]
    if not upload.data:
        raise InvalidMedia(f"{FILE} is empty", hint="send a sound", param=FILE)
    kind = ResponseFormat(values["response_format"])
    words = WORD in granularities
    request = TranscriptionRequest(
        sound=SoundBytes(upload.data, upload.name),
        task=task,
        language=values["language"] or None,
        prompt=values["prompt"] or None,
        temperature=values["temperature"],
        words=words,
        times=kind.timed,
    )
    segments = SEGMENT in granularities or not granularities
    return TranscriptionBody(values["model"], request, kind, bool(values["stream"]), words, segments, tuple(ignored))
