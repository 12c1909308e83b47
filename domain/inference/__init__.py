"""One request: conversation, sampling, limits, stop rules and the events of its answer. How an answer is read as a
transcript is the worker's business: those modules are imported by name.
"""

from domain.inference.attachment import Attachment, AttachmentKind
from domain.inference.bare_prompt import BarePrompt
from domain.inference.constraint import ConstraintKind, OutputConstraint
from domain.inference.events import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    PictureFacts,
    PicturesSeen,
    PromptDelta,
    PromptProgress,
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
from domain.inference.picture_wishes import USUAL_PICTURES, PictureRules, PictureWishes
from domain.inference.prompt_options import PromptOptions
from domain.inference.request import GenerationRequest, Urgency
from domain.inference.sampling import Sampling, SamplingRequest, resolve_sampling
from domain.inference.tools import Tool, ToolCall, ToolMode, ToolUse

__all__ = [
    "PLAIN",
    "USUAL_PICTURES",
    "Attachment",
    "AttachmentKind",
    "BarePrompt",
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
    "PictureFacts",
    "PictureRules",
    "PictureWishes",
    "PicturesSeen",
    "PromptDelta",
    "PromptOptions",
    "PromptProgress",
    "ReasoningDelta",
    "ReasoningMarks",
    "Role",
    "Sampling",
    "SamplingRequest",
    "ScoredToken",
    "TextDelta",
    "TokenLimits",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolMarks",
    "ToolMode",
    "ToolUse",
    "Urgency",
    "Usage",
    "resolve_sampling",
]
