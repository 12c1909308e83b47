"""One answer as it arrives: read, measured and kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from domain.inference import (
    Finished,
    GenerationEvent,
    Message,
    ReasoningDelta,
    Role,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
)
from ports.model_worker import GenerationStream


class AnswerView(Protocol):
    """Shows an answer to somebody."""

    def take(self, event: GenerationEvent) -> None:
        """The next event, already kept in the answer."""

    def end(self, answer: Answer) -> None:
        """No more will come; `answer.finished` tells whether it is whole. Called once, also after an error."""


class Answer:
    """Filled by `listen`; what has come so far also after an interruption. finished: None until it ended by itself.

    total_seconds: from `started` on, a moment of the same monotonic clock.
    """

    def __init__(self, started: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._started = started
        self._clock = clock
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, list[ToolCallDelta]] = {}
        self._logprobs: list[TokenLogprob] = []
        self.finished: Finished | None = None
        self.total_seconds = 0.0

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        return "".join(self._reasoning)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """In the model's order; the arguments of an interrupted one are cut short."""
        return tuple(_joined(self._calls[index]) for index in sorted(self._calls))

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        return tuple(self._logprobs)

    @property
    def turn(self) -> Message | None:
        """The assistant's turn, None when nothing was said. Calls that were cut short are no calls."""
        calls = self.calls if self.finished is not None else ()
        if not self.text and not calls:
            return None
        return Message(Role.ASSISTANT, self.text, reasoning=self.reasoning, tool_calls=calls)

    def listen(self, events: GenerationStream, view: AnswerView) -> None:
        """Read to the end. However this is left, the engine's slot is given back and the view is ended."""
        try:
            for event in events:
                self._keep(event)
                view.take(event)
        finally:
            events.cancel()
            self.total_seconds = self._clock() - self._started
            view.end(self)

    def _keep(self, event: GenerationEvent) -> None:
        match event:
            case TextDelta():
                self._text.append(event.text)
                self._logprobs.extend(event.logprobs)
            case ReasoningDelta():
                self._reasoning.append(event.text)
            case ToolCallDelta():
                self._calls.setdefault(event.index, []).append(event)
            case Finished():
                self.finished = event


def _joined(pieces: list[ToolCallDelta]) -> ToolCall:
    name = next((piece.name for piece in pieces if piece.name is not None), "")
    call_id = next((piece.call_id for piece in pieces if piece.call_id is not None), "")
    return ToolCall(call_id, name, "".join(piece.arguments for piece in pieces))
