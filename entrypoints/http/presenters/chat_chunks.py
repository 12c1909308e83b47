"""A streamed answer as OpenAI's chat.completion.chunk objects.

A chunk of text or of reasoning differs from the next in its text alone, so everything around it is encoded once for
the whole answer.
"""

from __future__ import annotations

from domain.inference import (
    Finished,
    GenerationEvent,
    PicturesSeen,
    PromptDelta,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from entrypoints.http.presenters.identity import AnswerIdentity, AnswerShape
from entrypoints.http.presenters.parts import present_call, present_extras, present_logprobs
from entrypoints.http.presenters.sse import Ending, encoded


class ChatChunks:
    """Of each choice: the role with its first event, then one chunk an event, then the reason."""

    def __init__(self, identity: AnswerIdentity, shape: AnswerShape) -> None:
        self._ending = Ending(identity, "chat.completion.chunk", shape)
        self._choices = [_Choice(index, self._ending, shape) for index in range(shape.choices)]

    def of(self, index: int, event: GenerationEvent) -> str:
        return self._choices[index].of(event)


class _Choice:
    def __init__(self, index: int, ending: Ending, shape: AnswerShape) -> None:
        self._index = index
        self._ending = ending
        self._shape = shape
        self._begun = False
        before = f'{ending.head}"choices":[{{"index":{index},"delta":'
        self._before_text = f'{before}{{"content":'
        self._before_reasoning = f'{before}{{"reasoning_content":'
        self._after_text = f'}},"logprobs":null,"finish_reason":null}}]{ending.tail}'

    def of(self, event: GenerationEvent) -> str:
        if self._begun:
            return self._chunk(event)
        self._begun = True
        content = None if isinstance(event, ToolCallDelta) else ""
        opening = self._ending.chunk(self._choice({"role": "assistant", "content": content, "refusal": None}))
        return opening + self._chunk(event)

    def _chunk(self, event: GenerationEvent) -> str:
        match event:
            case TextDelta(text, ()):
                return self._before_text + encoded(text) + self._after_text
            case TextDelta(text, logprobs):
                return self._ending.chunk(self._choice({"content": text}, logprobs=present_logprobs(logprobs)))
            case ReasoningDelta(text):
                return self._before_reasoning + encoded(text) + self._after_text
            case ToolCallDelta():
                return self._ending.chunk(self._choice({"tool_calls": [_call(event)]}))
            case Finished():
                last = self._choice({}, event.reason.value)
                extras = present_extras(event, report=self._shape.report)
                return self._ending.chunk(last, extras) + self._ending.after(self._index, event)
            case PromptProgress():
                return self._ending.progress(self._choice({}), event)
            case PromptDelta() | PicturesSeen():
                return ""

    def _choice(
        self, delta: dict[str, object], finish_reason: str | None = None, *, logprobs: object = None
    ) -> dict[str, object]:
        return {"index": self._index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _call(event: ToolCallDelta) -> dict[str, object]:
    """A call's first piece names it; the later ones are arguments only."""
    if event.call_id is None and event.name is None:
        return {"index": event.index, "function": {"arguments": event.arguments}}
    return {"index": event.index, **present_call(event.call_id, event.name, event.arguments)}
