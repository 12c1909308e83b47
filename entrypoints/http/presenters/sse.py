"""An answer as a stream of server-sent events, each one write.

A chunk of text differs from the next in its text alone, so everything around it is encoded once for the whole answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator

from flask import Response

from domain.errors import MlxkError
from domain.inference import Finished, GenerationEvent, TextDelta
from entrypoints.http.errors import error_object, unexpected
from entrypoints.http.presenters.chat import SYSTEM_FINGERPRINT, AnswerIdentity, present_usage

DONE = b"data: [DONE]\n\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

_encode = json.JSONEncoder(separators=(",", ":")).encode


class ChatChunks:
    """The chunks of one answer. One thread."""

    def __init__(self, identity: AnswerIdentity, *, include_usage: bool) -> None:
        head = {
            "id": identity.answer_id,
            "object": "chat.completion.chunk",
            "created": identity.created,
            "model": identity.model,
            "system_fingerprint": SYSTEM_FINGERPRINT,
        }
        self._include_usage = include_usage
        self._head = f"data: {_encode(head)[:-1]},"
        self._tail = ',"usage":null}\n\n' if include_usage else "}\n\n"
        self._before_text = f'{self._head}"choices":[{{"index":0,"delta":{{"content":'
        self._after_text = f'}},"logprobs":null,"finish_reason":null}}]{self._tail}'

    def stream(self, first: GenerationEvent, events: Iterator[GenerationEvent]) -> Generator[bytes]:
        """The role with the first text, then the text, then the reason, the usage when asked for, and the end.

        An error becomes an `error` event and there is no [DONE]; clients raise it.
        """
        opening = self._choice({"role": "assistant", "content": "", "refusal": None})
        try:
            yield opening + self._event(first)
            for event in events:
                yield self._event(event)
        except MlxkError as fault:
            yield error_event(fault)
        except Exception:
            yield error_event(unexpected())
            raise

    def _event(self, event: GenerationEvent) -> bytes:
        if isinstance(event, Finished):
            return self._end(event)
        return (
            self._before_text + _encode(event.text if isinstance(event, TextDelta) else "") + self._after_text
        ).encode()

    def _end(self, event: Finished) -> bytes:
        parts = [self._choice({}, event.reason.value)]
        if self._include_usage:
            parts.append(f'{self._head}"choices":[],"usage":{_encode(present_usage(event.usage))}}}\n\n'.encode())
        return b"".join([*parts, DONE])

    def _choice(self, delta: dict[str, object], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return f'{self._head}"choices":[{_encode(choice)}]{self._tail}'.encode()


class ClosingStream:
    """A response body. The server closes it in every case, also when nothing of it was sent."""

    def __init__(self, chunks: Generator[bytes], on_close: Callable[[], None]) -> None:
        self._chunks = chunks
        self._on_close = on_close

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def close(self) -> None:
        try:
            self._chunks.close()
        finally:
            self._on_close()


def event_stream(chunks: Generator[bytes], on_close: Callable[[], None]) -> Response:
    """direct_passthrough: the server iterates and closes our own object, with no layer between."""
    body = ClosingStream(chunks, on_close)
    return Response(body, mimetype="text/event-stream", headers=HEADERS, direct_passthrough=True)


def error_event(fault: MlxkError) -> bytes:
    return f"data: {_encode({'error': error_object(fault)})}\n\n".encode()
