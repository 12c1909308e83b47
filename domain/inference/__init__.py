"""One request: conversation, sampling, limits, stop rules and the events of its answer."""

from domain.inference.constraint import ConstraintKind, OutputConstraint
from domain.inference.events import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    ReasoningDelta,
    ScoredToken,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from domain.inference.limits import DefaultLength, TokenLimits
from domain.inference.message import Media, Message, Role
from domain.inference.output_format import PLAIN, OutputFormat, ReasoningMarks, ToolMarks
from domain.inference.prompt_options import PromptOptions
from domain.inference.request import GenerationRequest, Urgency
from domain.inference.sampling import Sampling, SamplingRequest, resolve_sampling
from domain.inference.tools import Tool, ToolCall, ToolMode, ToolUse
from domain.inference.transcript import AnswerStart, Transcript
from domain.inference.transcript_calls import CallRules
from domain.inference.transcript_output import AnswerDelta, Span

__all__ = [
    "PLAIN",
    "AnswerDelta",
    "AnswerStart",
    "CallRules",
    "ConstraintKind",
    "DefaultLength",
    "FinishReason",
    "Finished",
    "GenerationEvent",
    "GenerationReport",
    "GenerationRequest",
    "Media",
    "Message",
    "OutputConstraint",
    "OutputFormat",
    "PromptOptions",
    "ReasoningDelta",
    "ReasoningMarks",
    "Role",
    "Sampling",
    "SamplingRequest",
    "ScoredToken",
    "Span",
    "TextDelta",
    "TokenLimits",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolMarks",
    "ToolMode",
    "ToolUse",
    "Transcript",
    "Urgency",
    "Usage",
    "resolve_sampling",
]
