"""Speech on the wire: the bytes of a file, or events that carry them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Generator, Iterator

from domain.errors import InternalError, MlxkError
from domain.inference.sound import SoundFormat
from domain.inference.speech import SpeechEvent, SpeechPiece, Spoken
from entrypoints.http.errors import unexpected
from entrypoints.http.presenters.sse import KEEP_ALIVE, encoded, error_event

CONTENT_TYPES = {
    SoundFormat.MP3: "audio/mpeg",
    SoundFormat.WAV: "audio/wav",
    SoundFormat.FLAC: "audio/flac",
    SoundFormat.PCM: "audio/pcm",
}


def speech_bytes(events: Iterator[SpeechEvent | None]) -> Generator[bytes]:
    """As they are. Raises InternalError where the last event is missing, for what was sent is not the whole."""
    for event in events:
        match event:
            case SpeechPiece(data):
                yield data
            case Spoken():
                return
    raise InternalError("the speech was broken off")


def speech_events(events: Iterator[SpeechEvent | None]) -> Generator[bytes]:
    """`speech.audio.delta` for every piece, `speech.audio.done` at the end, and a comment wherever nothing is said. The
    pieces joined are the file. An error becomes an `error` event.
    """
    try:
        for event in events:
            match event:
                case None:
                    yield KEEP_ALIVE
                case SpeechPiece(data):
                    yield _event({"type": "speech.audio.delta", "audio": b64encode(data).decode("ascii")})
                case Spoken():
                    yield _event({"type": "speech.audio.done", "usage": _usage(event)})
    except MlxkError as fault:
        yield error_event(fault)
    except Exception:
        yield error_event(unexpected())
        raise


def _usage(spoken: Spoken) -> dict[str, int]:
    return {
        "input_tokens": spoken.prompt_tokens,
        "output_tokens": spoken.completion_tokens,
        "total_tokens": spoken.prompt_tokens + spoken.completion_tokens,
    }


def _event(data: dict[str, object]) -> bytes:
    return f"event: {data['type']}\ndata: {encoded(data)}\n\n".encode()
