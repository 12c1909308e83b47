"""One request for text, as it travels from the entrypoint to the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.errors import InvalidRequest
from domain.inference.attachment import Attachment, AttachmentKind
from domain.inference.bare_prompt import BarePrompt
from domain.inference.constraint import OutputConstraint
from domain.inference.limits import DefaultLength, TokenLimits
from domain.inference.message import Message, Role
from domain.inference.picture_wishes import PictureWishes
from domain.inference.prompt_options import PromptOptions
from domain.inference.sampling import SamplingRequest
from domain.inference.tools import ToolMode, ToolUse

MAX_STOP_STRINGS = 16
MAX_TOP_LOGPROBS = 20
CHAT_STOPS = tuple(f"{before}{side}:" for before in ("\n\n", "\n") for side in ("Human", "Assistant", "You"))


@dataclass(frozen=True, slots=True)
class Urgency:
    """priority: higher goes first, 0 is usual. deadline_seconds: from the request's arrival; what is not done by then
    fails.
    """

    priority: int = 0
    deadline_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.deadline_seconds is not None and self.deadline_seconds <= 0:
            raise InvalidRequest(
                f"a deadline must be above 0 s, got {self.deadline_seconds:g}", param="deadline_seconds"
            )


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """messages: the conversation, oldest first; when the last turn is the assistant's own, it is continued. An empty
    one there, without words and calls, has nothing to continue and is left out: the answer begins afresh.
    stop: strings that end the answer (not the reasoning); it is cut before the earliest of them. chat_stops: also stop
    where the model begins to write the other side's turns as plain text. output: the form it must have. logprobs: how
    many of the likeliest tokens to report with each token, None for no report at all. inspect: find out how often the
    model says a stop token when it stops, which costs a step or two. ignore_stops: stop tokens end nothing, for
    measuring. progress: tell how far the prompt has been read (PromptProgress). describe_pictures: write before each
    picture what is known of it (picture_lines). picture_numbers: what the pictures are called there, in the order in
    which they are shown over all turns; () counts them from 1. picture_wishes: for the front, which splits the request
    and puts the table before the answer; a worker never sees them. bare: a prompt in place of the conversation, which
    is then empty.

    Raises InvalidRequest for an empty conversation, an empty stop string, too many of a thing, two forms at once, or
    numbers that are not one for each picture.
    """

    messages: tuple[Message, ...]
    limits: TokenLimits = field(default_factory=lambda: TokenLimits(DefaultLength.FULL_CONTEXT))
    sampling: SamplingRequest = field(default_factory=SamplingRequest)
    stop: tuple[str, ...] = ()
    prompt: PromptOptions = field(default_factory=PromptOptions)
    tools: ToolUse = field(default_factory=ToolUse)
    output: OutputConstraint | None = None
    logprobs: int | None = None
    chat_stops: bool = False
    inspect: bool = False
    progress: bool = False
    ignore_stops: bool = False
    urgency: Urgency = field(default_factory=Urgency)
    describe_pictures: bool = False
    picture_numbers: tuple[int, ...] = ()
    picture_wishes: PictureWishes = field(default_factory=PictureWishes)
    bare: BarePrompt | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", _without_empty_end(self.messages))
        if not self.messages and self.bare is None:
            raise InvalidRequest("messages must hold at least one message that is not empty", param="messages")
        if len(self.stop) > MAX_STOP_STRINGS:
            raise InvalidRequest(f"at most {MAX_STOP_STRINGS} stop strings, got {len(self.stop)}", param="stop")
        if any(not text for text in self.stop):
            raise InvalidRequest("a stop string must not be empty", param="stop")
        if self.logprobs is not None and not 0 <= self.logprobs <= MAX_TOP_LOGPROBS:
            raise InvalidRequest(
                f"top_logprobs must be from 0 to {MAX_TOP_LOGPROBS}, got {self.logprobs}", param="top_logprobs"
            )
        if self.output is not None and self.tools.mode is ToolMode.REQUIRED:
            raise InvalidRequest(
                f"{self.output.param} and a tool_choice that requires a call contradict each other",
                hint="send one of them",
                param=self.output.param,
            )
        shown = len(self.pictures)
        if self.picture_numbers and len(self.picture_numbers) != shown:
            raise InvalidRequest(f"{len(self.picture_numbers)} picture numbers for {shown} pictures", param="messages")

    @property
    def pictures(self) -> tuple[Attachment, ...]:
        """All pictures, in the order in which the model sees them."""
        return tuple(each for turn in self.messages for each in turn.attachments if each.kind is AttachmentKind.IMAGE)

    @property
    def brings_sounds(self) -> bool:
        return any(each.kind is AttachmentKind.AUDIO for turn in self.messages for each in turn.attachments)

    @property
    def attached_bytes(self) -> int:
        return sum(len(each.data) for turn in self.messages for each in turn.attachments)

    @property
    def continues(self) -> bool:
        """The last turn is the assistant's own and is to be continued."""
        return bool(self.messages) and self.messages[-1].role is Role.ASSISTANT

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """All strings that end the answer."""
        return (*self.stop, *CHAT_STOPS) if self.chat_stops else self.stop


def _without_empty_end(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    end = len(messages)
    while end and _is_empty(messages[end - 1]):
        end -= 1
    return messages[:end]


def _is_empty(message: Message) -> bool:
    return message.role is Role.ASSISTANT and not message.text and not message.tool_calls
