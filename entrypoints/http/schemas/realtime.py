"""What clients say in a live session: OpenAI's Realtime events, as they are now and as they were in the beta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import RAISE, ValidationError

from domain.errors import InvalidRequest, UnsupportedParameter
from domain.inference.live_session import LiveSettings
from domain.inference.live_sound import LineFormat, SoundCoding
from domain.inference.spoken_turns import TurnRules
from domain.inference.transcription import language_code
from entrypoints.http.schemas.problems import found, load
from entrypoints.http.schemas.strict import (
    FreeObject,
    StrictBoolean,
    StrictField,
    StrictInteger,
    StrictNumber,
    StrictObject,
    StrictSchema,
    StrictString,
)

UPDATE, BETA_UPDATE = "session.update", "transcription_session.update"
APPEND, COMMIT, CLEAR = "input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear"
KNOWN = (UPDATE, BETA_UPDATE, APPEND, COMMIT, CLEAR)
BETA_FORMATS = {"pcm16": SoundCoding.PCM, "g711_ulaw": SoundCoding.MU_LAW, "g711_alaw": SoundCoding.A_LAW}
SERVER_VAD = "server_vad"
MOST_PROMPT_CHARACTERS = 65_536  # each turn takes it along
TURN_NAMES = {"threshold": "threshold", "prefix_padding_ms": "prefix_ms", "silence_duration_ms": "silence_ms"}


class Absent(StrictField[None]):
    """A field that we know and do not honour."""

    def read(self, value: object) -> None:
        if value not in (None, []):
            raise ValidationError("is not supported here; leave it out")


class KnownFields(StrictSchema):
    """Whatever it does not declare is wrong: in a session nobody reads headers that would tell."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "is nothing that a transcription session has"}  # noqa: RUF012 - as marshmallow declares it


class FormatSchema(KnownFields):
    type = StrictString(required=True)
    rate = StrictInteger(load_default=None, allow_none=True)


class TranscriptionSchema(KnownFields):
    model = StrictString()
    language = StrictString(allow_none=True)
    prompt = StrictString(allow_none=True)
    delay = Absent(allow_none=True)
    keywords = Absent(allow_none=True)
    languages = Absent(allow_none=True)


class TurnDetectionSchema(KnownFields):
    type = StrictString(load_default=SERVER_VAD)
    threshold = StrictNumber(allow_none=True)
    prefix_padding_ms = StrictInteger(allow_none=True)
    silence_duration_ms = StrictInteger(allow_none=True)
    create_response = StrictBoolean(allow_none=True)
    interrupt_response = StrictBoolean(allow_none=True)
    idle_timeout_ms = Absent(allow_none=True)
    eagerness = StrictString(allow_none=True)


class InputSchema(KnownFields):
    format = StrictObject(FormatSchema)
    transcription = StrictObject(TranscriptionSchema)
    turn_detection = StrictObject(TurnDetectionSchema, allow_none=True)
    noise_reduction = FreeObject(allow_none=True)


class AudioSchema(KnownFields):
    input = StrictObject(InputSchema)


class SessionSchema(KnownFields):
    type = StrictString()
    audio = StrictObject(AudioSchema)
    include = Absent(allow_none=True)


class UpdateSchema(StrictSchema):
    session = StrictObject(SessionSchema, required=True)


class BetaSessionSchema(KnownFields):
    input_audio_format = StrictString()
    input_audio_transcription = StrictObject(TranscriptionSchema)
    turn_detection = StrictObject(TurnDetectionSchema, allow_none=True)
    input_audio_noise_reduction = FreeObject(allow_none=True)
    modalities = Absent(allow_none=True)
    include = Absent(allow_none=True)


class BetaUpdateSchema(StrictSchema):
    session = StrictObject(BetaSessionSchema, required=True)


class AppendSchema(StrictSchema):
    audio = StrictString(required=True)


_UPDATE, _BETA_UPDATE, _APPEND = UpdateSchema(), BetaUpdateSchema(), AppendSchema()


def kind_of(event: object) -> str:
    """Raises InvalidRequest for what is no event that we know."""
    if not isinstance(event, Mapping):
        raise InvalidRequest(f"an event must be a JSON object, got {found(event)}")
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in KNOWN:
        shown = repr(kind[:60]) if isinstance(kind, str) else "nothing" if kind is None else found(kind)
        raise InvalidRequest(f"type must be one of {', '.join(KNOWN)}, got {shown}", param="type")
    return kind


def audio_of(event: object) -> str:
    """Of APPEND. Raises InvalidRequest."""
    audio: str = load(_APPEND, event)["audio"]
    return audio


def updated(settings: LiveSettings, event: object, *, beta: bool) -> tuple[LiveSettings, tuple[str, ...]]:
    """Of an update: what is agreed on from now on, and notes on what of it has no effect here. What an update does not
    name stays. beta: flat names, as they were. Raises InvalidRequest, UnsupportedParameter.
    """
    session = load(_BETA_UPDATE if beta else _UPDATE, event)["session"]
    if session.get("type", "transcription") != "transcription":
        raise InvalidRequest(
            "session.type must be transcription: this server's sessions write down what is said and do not answer",
            param="session.type",
        )
    place = "session" if beta else "session.audio.input"
    given = _flat(session) if beta else session.get("audio", {}).get("input", {})
    notes = []
    if given.get("noise_reduction") is not None:
        notes.append("noise_reduction: nothing is filtered here; the model hears the sound as it comes")
    if "format" in given:
        settings = replace(settings, format=_format(given["format"], place))
    if "transcription" in given:
        settings = _transcription(settings, given["transcription"], place)
    if "turn_detection" in given:
        turns = given["turn_detection"]
        settings = replace(settings, turns=_turns(settings.turns, turns, f"{place}.turn_detection"))
        if turns is not None and (turns.get("create_response") or turns.get("interrupt_response")):
            notes.append("create_response, interrupt_response: a transcription session gives no responses")
    return settings, tuple(notes)


def _flat(session: Mapping[str, Any]) -> dict[str, Any]:
    names = {"input_audio_transcription": "transcription", "turn_detection": "turn_detection",
             "input_audio_noise_reduction": "noise_reduction"}  # fmt: skip
    given = {now: session[then] for then, now in names.items() if then in session}
    if (name := session.get("input_audio_format")) is not None:
        if name not in BETA_FORMATS:
            place = "session.input_audio_format"
            raise InvalidRequest(f"{place} must be one of {', '.join(BETA_FORMATS)}, got {name[:40]!r}", param=place)
        given["format"] = {"type": BETA_FORMATS[name].value}
    return given


def _format(given: Mapping[str, Any], place: str) -> LineFormat:
    try:
        coding = SoundCoding(given["type"])
    except ValueError:
        known = ", ".join(SoundCoding)
        raise InvalidRequest(
            f"{place}.format.type must be one of {known}, got {given['type'][:40]!r}", param=f"{place}.format.type"
        ) from None
    usual = LineFormat().rate if coding is SoundCoding.PCM else 8_000
    try:
        return LineFormat(coding, given.get("rate") or usual)
    except InvalidRequest as fault:
        raise InvalidRequest(f"{place}.format.rate: {fault.message}", param=f"{place}.format.rate") from fault


def _transcription(settings: LiveSettings, given: Mapping[str, Any], place: str) -> LiveSettings:
    try:
        language = language_code(given["language"]) if given.get("language") else None
    except InvalidRequest as fault:
        raise InvalidRequest(fault.message, hint=fault.hint, param=f"{place}.transcription.language") from fault
    if len(given.get("prompt") or "") > MOST_PROMPT_CHARACTERS:
        where = f"{place}.transcription.prompt"
        raise InvalidRequest(
            f"{where} has more than {MOST_PROMPT_CHARACTERS:,} characters", hint="shorten it", param=where
        )
    return replace(
        settings,
        model=given.get("model") or settings.model,
        language=language if "language" in given else settings.language,
        prompt=(given["prompt"] or None) if "prompt" in given else settings.prompt,
    )


def _turns(rules: TurnRules | None, given: Mapping[str, Any] | None, place: str) -> TurnRules | None:
    if given is None:
        return None
    if given["type"] != SERVER_VAD:
        raise UnsupportedParameter(
            f"{place}.type: {given['type'][:40]!r} is not supported: turns end with silence here",
            hint=f"{SERVER_VAD} with a longer silence_duration_ms is patient too", param=f"{place}.type",
        )  # fmt: skip
    changes = {ours: given[theirs] for theirs, ours in TURN_NAMES.items() if given.get(theirs) is not None}
    try:
        return replace(rules or TurnRules(), **changes)
    except InvalidRequest as fault:
        raise InvalidRequest(f"{place}: {fault.message}", param=f"{place}.{fault.param}") from fault
