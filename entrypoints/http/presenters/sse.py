"""An answer as a stream of server-sent events, each one write.

A chunk of text or of reasoning differs from the next in its text alone, so everything around it is encoded once for
the whole answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator

from flask import Response

from domain.errors import MlxkError
from domain.inference import (
    Finished,
    GenerationEvent,
    PicturesSeen,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from entrypoints.http.errors import error_object, unexpected
from entrypoints.http.presenters.chat import SYSTEM_FINGERPRINT, AnswerIdentity, AnswerShape
from entrypoints.http.presenters.parts import present_call, present_extras, present_logprobs, present_usage

DONE = "data: [DONE]\n\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

_encode = json.JSONEncoder(separators=(",", ":")).encode


class ChatChunks:
    """The chunks of one answer. One thread."""

    def __init__(self, identity: AnswerIdentity, shape: AnswerShape) -> None:
        head = {
            "id": identity.answer_id,
            "object": "chat.completion.chunk",
            "created": identity.created,
            "model": identity.model,
            "system_fingerprint": SYSTEM_FINGERPRINT,
        }
        self._shape = shape
        self._head = f"data: {_encode(head)[:-1]},"
        self._tail = ',"usage":null}\n\n' if shape.include_usage else "}\n\n"
        before = f'{self._head}"choices":[{{"index":0,"delta":'
        self._before_text = f'{before}{{"content":'
        self._before_reasoning = f'{before}{{"reasoning_content":'
        self._after_text = f'}},"logprobs":null,"finish_reason":null}}]{self._tail}'

    def stream(self, first: GenerationEvent, events: Iterator[GenerationEvent]) -> Generator[bytes]:
        """The role with the first event, then one chunk an event, then the reason, the usage when asked for, the end.

        An error becomes an `error` event and there is no [DONE]; clients raise it.
        """
        content = None if isinstance(first, ToolCallDelta) else ""
        opening = self._choice({"role": "assistant", "content": content, "refusal": None})
        try:
            yield (opening + self._event(first)).encode()
            for event in events:
                yield self._event(event).encode()
        except MlxkError as fault:
            yield error_event(fault)
        except Exception:
            yield error_event(unexpected())
            raise

    def _event(self, event: GenerationEvent) -> str:
        match event:
            case TextDelta(text, ()):
                return self._before_text + _encode(text) + self._after_text
            case TextDelta(text, logprobs):
                return self._choice({"content": text}, logprobs=present_logprobs(logprobs))
            case ReasoningDelta(text):
                return self._before_reasoning + _encode(text) + self._after_text
            case ToolCallDelta():
                return self._choice({"tool_calls": [_call(event)]})
            case Finished():
                return self._end(event)
            case PromptProgress() | PicturesSeen():
                return ""

    def _end(self, event: Finished) -> str:
        extras = present_extras(event, report=self._shape.report)
        added = "".join(f",{_encode(name)}:{_encode(value)}" for name, value in extras.items())
        parts = [self._choice({}, event.reason.value, added=added)]
        if self._shape.include_usage:
            parts.append(f'{self._head}"choices":[],"usage":{_encode(present_usage(event.usage))}}}\n\n')
        return "".join([*parts, DONE])

    def _choice(
        self, delta: dict[str, object], finish_reason: str | None = None, *, logprobs: object = None, added: str = ""
    ) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return f'{self._head}"choices":[{_encode(choice)}]{added}{self._tail}'


def _call(event: ToolCallDelta) -> dict[str, object]:
    """A call's first piece names it; the later ones are arguments only."""
    if event.call_id is None and event.name is None:
        return {"index": event.index, "function": {"arguments": event.arguments}}
    return {"index": event.index, **present_call(event.call_id, event.name, event.arguments)}


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
