"""One request for text, as it travels from the entrypoint to the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.errors import InvalidRequest
from domain.inference.limits import DefaultLength, TokenLimits
from domain.inference.message import Message, Role
from domain.inference.sampling import SamplingRequest

MAX_STOP_STRINGS = 16


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """messages: the conversation, oldest first, ending in the turn to answer. stop: strings that end the answer; the
    answer is cut before the earliest of them.

    Raises InvalidRequest for an empty conversation or an empty stop string.
    """

    messages: tuple[Message, ...]
    limits: TokenLimits = field(default_factory=lambda: TokenLimits(DefaultLength.FULL_CONTEXT))
    sampling: SamplingRequest = field(default_factory=SamplingRequest)
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.messages:
            raise InvalidRequest("messages must hold at least one message", param="messages")
        if self.messages[-1].role is Role.ASSISTANT:
            raise InvalidRequest(
                "the last message is the assistant's own: there is nothing to answer",
                hint="end the conversation with a user message",
                param="messages",
            )
        if len(self.stop) > MAX_STOP_STRINGS:
            raise InvalidRequest(f"at most {MAX_STOP_STRINGS} stop strings, got {len(self.stop)}", param="stop")
        if any(not text for text in self.stop):
            raise InvalidRequest("a stop string must not be empty", param="stop")
