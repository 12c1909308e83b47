"""GenerationStream over a line to a server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterator

from adapters.server_client.answer_reader import AnswerReader, error_in
from adapters.server_client.line import Line
from domain.errors import EngineDied, InternalError, MlxkError, ServerShutdown
from domain.inference import GenerationEvent

PATH = "/v1/chat/completions"


class AnswerStream:
    """One consumer; `cancel` from any thread. open_line: to a server that has just proved itself; raises OSError or
    ValueError. Nothing is sent before the first read.
    """

    def __init__(self, open_line: Callable[[], Line], body: bytes, *, streamed: bool) -> None:
        self._open_line = open_line
        self._body = body
        self._streamed = streamed
        self._guard = threading.Lock()
        self._line: Line | None = None
        self._cancelled = False
        self._shown = False
        self._events = self._exchange()

    def __iter__(self) -> Iterator[GenerationEvent]:
        return self

    def __next__(self) -> GenerationEvent:
        if self._cancelled:
            raise StopIteration
        try:
            event = next(self._events)
        except (OSError, MlxkError) as fault:
            if self._cancelled:
                raise StopIteration from None
            if isinstance(fault, MlxkError):
                raise
            raise self._broken(fault) from fault
        except (KeyError, TypeError, ValueError) as fault:
            raise InternalError(f"the running server sent what is no answer of ours: {fault}") from fault
        if self._cancelled:
            self._events.close()
            raise StopIteration
        self._shown = True
        return event

    def cancel(self) -> None:
        with self._guard:
            self._cancelled = True
            line = self._line
        if line is not None:
            line.hang_up()
        try:
            self._events.close()
        except ValueError:  # the consumer is inside, wakes up and closes the line itself
            return

    def _exchange(self) -> Generator[GenerationEvent]:
        line = self._proven_line()
        try:
            with self._guard:
                self._line = line
                cancelled = self._cancelled
            if cancelled:
                return
            line.post(PATH, self._body)
            status, headers = line.head()
            reader = AnswerReader()
            if status == 200 and self._streamed:
                yield from reader.streamed(line.body_lines())
                return
            body = line.body(int(headers.get("content-length", "0")))
            if status != 200:
                raise _refusal(status, body)
            yield from reader.whole(body)
        finally:
            line.close()

    def _proven_line(self) -> Line:
        try:
            return self._open_line()
        except (OSError, ValueError) as fault:
            raise ServerShutdown("the running server is gone", hint="ask again") from fault

    def _broken(self, fault: OSError) -> MlxkError:
        if self._shown:
            return EngineDied(f"the running server ended under its answer: {fault}", hint="ask again")
        return ServerShutdown(f"the running server ended before its answer: {fault}", hint="ask again")


def _refusal(status: int, body: bytes) -> MlxkError:
    try:
        return error_in(json.loads(body)["error"])
    except (KeyError, TypeError, ValueError):
        return InternalError(f"the running server answered with status {status}")
