"""One request: conversation, sampling, limits, stop rules and the events of its answer."""

from domain.inference.events import Finished, FinishReason, GenerationEvent, TextDelta, Usage
from domain.inference.limits import DefaultLength, TokenLimits
from domain.inference.message import Message, Role
from domain.inference.request import GenerationRequest
from domain.inference.sampling import Sampling, SamplingRequest, resolve_sampling
from domain.inference.stop import StopMatcher

__all__ = [
    "DefaultLength",
    "FinishReason",
    "Finished",
    "GenerationEvent",
    "GenerationRequest",
    "Message",
    "Role",
    "Sampling",
    "SamplingRequest",
    "StopMatcher",
    "TextDelta",
    "TokenLimits",
    "Usage",
    "resolve_sampling",
]
