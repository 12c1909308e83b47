"""A whole answer as OpenAI's chat.completion object."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.inference import Finished, GenerationEvent, ReasoningDelta, TextDelta, TokenLogprob, ToolCallDelta
from entrypoints.http.errors import ClientGone
from entrypoints.http.presenters.parts import present_call, present_extras, present_logprobs, present_usage
from mlxk import __version__

SYSTEM_FINGERPRINT = f"mlxk-{__version__}"


@dataclass(frozen=True, slots=True)
class AnswerIdentity:
    """What every part of one answer repeats. created: Unix seconds."""

    answer_id: str
    created: int
    model: str

    @classmethod
    def fresh(cls, model: str) -> AnswerIdentity:
        return cls(f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), model)


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What a request wants of the answer's form. scored: logprobs. report: how it came about. include_usage: in a
    stream; a whole answer always has it.
    """

    scored: bool = False
    report: bool = False
    include_usage: bool = False


@dataclass
class _Gathered:
    """An answer's pieces, by kind. calls: by index."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, _GatheredCall] = field(default_factory=dict)
    logprobs: list[TokenLogprob] = field(default_factory=list)

    def take(self, event: GenerationEvent) -> None:
        match event:
            case TextDelta(text, logprobs):
                self.text.append(text)
                self.logprobs.extend(logprobs)
            case ReasoningDelta(text):
                self.reasoning.append(text)
            case ToolCallDelta():
                self.calls.setdefault(event.index, _GatheredCall()).take(event)

    def message(self) -> dict[str, object]:
        """content is null where calls stand in its place."""
        text = "".join(self.text)
        message: dict[str, object] = {"role": "assistant", "content": text, "refusal": None}
        if self.reasoning:
            message["reasoning_content"] = "".join(self.reasoning)
        if self.calls:
            message["content"] = text or None
            message["tool_calls"] = [self.calls[index].present() for index in sorted(self.calls)]
        return message


@dataclass
class _GatheredCall:
    call_id: str | None = None
    name: str | None = None
    arguments: list[str] = field(default_factory=list)

    def take(self, event: ToolCallDelta) -> None:
        self.call_id = event.call_id if self.call_id is None else self.call_id
        self.name = event.name if self.name is None else self.name
        self.arguments.append(event.arguments)

    def present(self) -> dict[str, object]:
        return present_call(self.call_id, self.name, "".join(self.arguments))


def present_answer(
    identity: AnswerIdentity, events: Iterable[GenerationEvent], shape: AnswerShape
) -> dict[str, object]:
    """Reads the answer to its end. Raises ClientGone when it was cancelled, and whatever `events` raises."""
    gathered = _Gathered()
    for event in events:
        if isinstance(event, Finished):
            return _completion(identity, gathered, event, shape)
        gathered.take(event)
    raise ClientGone


def _completion(
    identity: AnswerIdentity, gathered: _Gathered, finished: Finished, shape: AnswerShape
) -> dict[str, object]:
    choice = {
        "index": 0,
        "message": gathered.message(),
        "logprobs": present_logprobs(gathered.logprobs) if shape.scored else None,
        "finish_reason": finished.reason.value,
    }
    return {
        "id": identity.answer_id,
        "object": "chat.completion",
        "created": identity.created,
        "model": identity.model,
        "system_fingerprint": SYSTEM_FINGERPRINT,
        "choices": [choice],
        "usage": present_usage(finished.usage),
        **present_extras(finished, report=shape.report),
    }
