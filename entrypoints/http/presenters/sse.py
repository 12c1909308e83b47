"""Answers as streams of server-sent events, each one write."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Protocol

from flask import Response

from application.inference.several import ChoiceEvent
from domain.errors import MlxkError
from domain.inference import Finished, GenerationEvent, PromptProgress, Usage
from domain.inference.choices import total_usage
from entrypoints.http.errors import envelope, error_object, unexpected
from entrypoints.http.presenters.identity import AnswerIdentity, AnswerShape
from entrypoints.http.presenters.parts import present_usage

DONE = "data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

encoded = json.JSONEncoder(separators=(",", ":")).encode


class Chunks(Protocol):
    """The chunks of one response. One thread."""

    def of(self, index: int, event: GenerationEvent) -> str:
        """What an event of that choice looks like on the wire; "" for nothing."""


def written(events: Iterator[ChoiceEvent | None], chunks: Callable[[], Chunks]) -> Generator[bytes]:
    """One write an event, and a comment wherever `events` says that nothing came. chunks: called with the first event.

    An error becomes an `error` event and there is no [DONE]; clients raise it.
    """
    made: Chunks | None = None
    try:
        for each in events:
            if each is None:
                yield KEEP_ALIVE
                continue
            if made is None:
                made = chunks()
            yield made.of(each[0], each[1]).encode()
    except MlxkError as fault:
        yield error_event(fault)
    except Exception:
        yield error_event(unexpected())
        raise


class Ending:
    """The end of a response: the usage of all choices, when asked for, then [DONE]; and what stands in between where a
    prompt is still being read.
    """

    def __init__(self, identity: AnswerIdentity, name: str, shape: AnswerShape) -> None:
        self.head = f"data: {encoded(identity.head(name))[:-1]},"
        self.tail = ',"usage":null}\n\n' if shape.include_usage else "}\n\n"
        self._shape = shape
        self._usages: dict[int, Usage] = {}

    def after(self, index: int, finished: Finished) -> str:
        """What follows the last chunk of a choice: something after that of the last one."""
        self._usages[index] = finished.usage
        if len(self._usages) < self._shape.choices:
            return ""
        if not self._shape.include_usage:
            return DONE
        usage = total_usage([self._usages[each] for each in range(self._shape.choices)], self._shape.answers)
        return f'{self.head}"choices":[],"usage":{encoded(present_usage(usage))}}}\n\n{DONE}'

    def chunk(self, choice: Mapping[str, object], extras: Mapping[str, object] | None = None) -> str:
        added = "".join(f",{encoded(name)}:{encoded(value)}" for name, value in (extras or {}).items())
        return f'{self.head}"choices":[{encoded(choice)}]{added}{self.tail}'

    def progress(self, choice: Mapping[str, object], event: PromptProgress) -> str:
        """choice: one in which nothing is said."""
        return self.chunk(choice, {"mlxk": {"prompt_progress": {"done": event.done, "total": event.total}}})


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
    """The same object that is the body of a failed request."""
    return f"data: {encoded(envelope(error_object(fault)))}\n\n".encode()
