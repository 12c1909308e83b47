"""A live session's events as OpenAI's Realtime API sends them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.errors import MlxkError
from domain.inference.live_session import (
    LiveEvent,
    LiveSettings,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    TurnDelta,
    TurnFailed,
    TurnHeard,
)
from domain.inference.live_sound import LineFormat, SoundCoding
from entrypoints.http.errors import STATUS
from entrypoints.http.request_ids import fresh_name

Event = dict[str, object]

HEARD = "conversation.item.input_audio_transcription"
BETA_NAMES = {SoundCoding.PCM: "pcm16", SoundCoding.MU_LAW: "g711_ulaw", SoundCoding.A_LAW: "g711_alaw"}


@dataclass(slots=True)
class Dialect:
    """beta: the names that events had before the API was generally available. One session's; set by its one reader."""

    session_id: str
    expires_at: int
    beta: bool = False

    def session(self, settings: LiveSettings, what: str, notes: Sequence[str] = ()) -> Event:
        """what: "created" or "updated"."""
        about: Event = {
            "id": self.session_id,
            "object": "realtime.transcription_session",
            "expires_at": self.expires_at,
            "include": None,
        }
        about |= _beta_session(settings) if self.beta else _session(settings)
        if notes:
            about["notes"] = list(notes)
        return _event(f"{'transcription_session' if self.beta else 'session'}.{what}", session=about)

    def events(self, event: LiveEvent) -> Iterator[Event]:
        match event:
            case SpeechStarted(item, at_ms):
                yield _event("input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=item)
            case SpeechStopped(item, at_ms):
                yield _event("input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=item)
            case TurnCommitted(item, previous):
                yield _event("input_audio_buffer.committed", item_id=item, previous_item_id=previous)
                for what in ("created",) if self.beta else ("added", "done"):
                    yield _event(f"conversation.item.{what}", previous_item_id=previous, item=_item(item))
            case TurnDelta(item, delta):
                yield _event(f"{HEARD}.delta", item_id=item, content_index=0, delta=delta)
            case TurnHeard(item, text, seconds):
                usage = {"type": "duration", "seconds": round(seconds, 3)}
                yield _event(f"{HEARD}.completed", item_id=item, content_index=0, transcript=text, usage=usage)
            case TurnFailed(item, fault):
                yield _event(f"{HEARD}.failed", item_id=item, content_index=0, error=_error(fault))
            case _:
                yield trouble(event.fault)


def cleared() -> Event:
    return _event("input_audio_buffer.cleared")


def trouble(fault: MlxkError, event_id: str | None = None) -> Event:
    """event_id: of the client's event that caused it."""
    return _event("error", error=_error(fault) | {"event_id": event_id})


def farewell(code: str, message: str) -> Event:
    """The session ends, through nobody's fault."""
    error = {"type": "server_error", "code": code, "message": message, "param": None, "event_id": None}
    return _event("error", error=error)


def _event(kind: str, **fields: object) -> Event:
    return {"type": kind, "event_id": fresh_name("event"), **fields}


def _error(fault: MlxkError) -> Event:
    error: Event = {
        "type": "invalid_request_error" if STATUS[type(fault)] < 500 else "server_error",
        "code": fault.code,
        "message": fault.message,
        "param": fault.param,
    }
    return error | ({"hint": fault.hint} if fault.hint else {})


def _item(item_id: str) -> Event:
    content = [{"type": "input_audio", "transcript": None}]
    return {
        "id": item_id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
        "content": content,
    }  # fmt: skip


def _session(settings: LiveSettings) -> Event:
    heard: Event = {
        "format": _format(settings.format),
        "transcription": _transcription(settings),
        "noise_reduction": None,
        "turn_detection": _turns(settings),
    }
    return {"type": "transcription", "audio": {"input": heard}}


def _beta_session(settings: LiveSettings) -> Event:
    return {
        "client_secret": None,
        "input_audio_format": BETA_NAMES[settings.format.coding],
        "input_audio_transcription": _transcription(settings),
        "input_audio_noise_reduction": None,
        "turn_detection": _turns(settings),
    }


def _format(format: LineFormat) -> Event:
    rate: Event = {"rate": format.rate} if format.coding is SoundCoding.PCM else {}
    return {"type": format.coding.value} | rate


def _transcription(settings: LiveSettings) -> Event | None:
    if settings.model is None and settings.language is None and settings.prompt is None:
        return None
    return {"model": settings.model, "language": settings.language, "prompt": settings.prompt}


def _turns(settings: LiveSettings) -> Event | None:
    rules = settings.turns
    if rules is None:
        return None
    return {
        "type": "server_vad",
        "threshold": rules.threshold,
        "prefix_padding_ms": rules.prefix_ms,
        "silence_duration_ms": rules.silence_ms,
    }
