"""A whole answer as OpenAI's chat.completion object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from application.inference.several import ChoiceEvent
from domain.inference import Finished, GenerationEvent, ReasoningDelta, TextDelta, TokenLogprob, ToolCallDelta
from domain.inference.choices import total_usage
from entrypoints.http.errors import ClientGone
from entrypoints.http.presenters.identity import AnswerIdentity, AnswerShape
from entrypoints.http.presenters.parts import present_call, present_extras, present_logprobs, present_usage


@dataclass
class _Gathered:
    """An answer's pieces, by kind. calls: by index."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, _GatheredCall] = field(default_factory=dict)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finished: Finished | None = None

    def take(self, event: GenerationEvent) -> None:
        match event:
            case TextDelta(text, logprobs):
                self.text.append(text)
                self.logprobs.extend(logprobs)
            case ReasoningDelta(text):
                self.reasoning.append(text)
            case ToolCallDelta():
                self.calls.setdefault(event.index, _GatheredCall()).take(event)
            case Finished():
                self.finished = event

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


def present_answer(identity: AnswerIdentity, events: Iterable[ChoiceEvent], shape: AnswerShape) -> dict[str, object]:
    """Reads the answers to their end. Raises ClientGone when they were cancelled, and whatever `events` raises. What we
    add to OpenAI's fields stands beside the choices; where there are several, in each of them.
    """
    gathered = [_Gathered() for _ in range(shape.choices)]
    for index, event in events:
        gathered[index].take(event)
    ends = [each.finished for each in gathered if each.finished is not None]
    if len(ends) < len(gathered):
        raise ClientGone
    choices = [_choice(index, gathered[index], end, shape) for index, end in enumerate(ends)]
    extras = present_extras(ends[0], report=shape.report) if len(ends) == 1 else {}
    usage = total_usage([end.usage for end in ends], shape.answers)
    return {**identity.head("chat.completion"), "choices": choices, "usage": present_usage(usage), **extras}


def _choice(index: int, gathered: _Gathered, finished: Finished, shape: AnswerShape) -> dict[str, object]:
    extras = present_extras(finished, report=shape.report) if shape.choices > 1 else {}
    return {
        "index": index,
        "message": gathered.message(),
        "logprobs": present_logprobs(gathered.logprobs) if shape.scored else None,
        "finish_reason": finished.reason.value,
        **extras,
    }
