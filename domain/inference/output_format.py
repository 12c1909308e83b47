"""How a model marks what is thought, what is said and what is a call, in the text of its answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReasoningMarks:
    """The text before and after a thought: `<think>` and `</think>`."""

    opening: str
    closing: str


@dataclass(frozen=True, slots=True)
class ToolMarks:
    """The text before and after calls. closing "": they go on to the end of the answer. json: between the marks stands
    one JSON object `{"name": ..., "arguments": {...}}`, so that arguments can be shown while they come.
    """

    opening: str
    closing: str
    json: bool = False


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """Read from a model's template and vocabulary, never from its name.

    channels: gpt-oss's harmony, `<|channel|>analysis<|message|>...<|end|>` and so on; `reasoning` and `tools` are then
    None, because the channels say it all.
    """

    reasoning: ReasoningMarks | None = None
    tools: ToolMarks | None = None
    channels: bool = False

    @property
    def can_call_tools(self) -> bool:
        return self.channels or self.tools is not None

    @property
    def can_reason(self) -> bool:
        return self.channels or self.reasoning is not None


PLAIN = OutputFormat()
