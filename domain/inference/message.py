"""The turns of a conversation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from domain.inference.attachment import Attachment
from domain.inference.tools import ToolCall
from domain.json_depth import too_deep


class Role(StrEnum):
    """Who speaks. `developer` is OpenAI's newer word for `system`; templates get `system`. `tool`: what a function
    that the assistant called has returned.
    """

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Media:
    """How many pictures, sounds and videos a turn had that the answering model does not get to see or hear."""

    images: int = 0
    audios: int = 0
    videos: int = 0

    @property
    def note(self) -> str:
        """What the model reads in their place, "" for nothing."""
        counts = ((self.images, "image(s)"), (self.audios, "audio(s)"), (self.videos, "video(s)"))
        shown = [f"{count} {what}" for count, what in counts if count]
        return f"[{', '.join(shown)} were attached]" if shown else ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. reasoning: what an assistant thought before it spoke. tool_calls: what it asked to be run.
    tool_call_id: of a `tool` turn, the call it answers. name: the speaker's own, or the function's. attachments: what
    the model is to see or hear, in the order of their places. media: what stands in for those that it is not.
    """

    role: Role
    content: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    media: Media = Media()
    attachments: tuple[Attachment, ...] = ()

    @property
    def text(self) -> str:
        """The content, with a note on what was attached."""
        return "\n\n".join(part for part in (self.content, self.media.note) if part)

    def for_template(self) -> dict[str, object]:
        """As chat templates read it: arguments of calls as objects, `reasoning_content` beside the content."""
        role = Role.SYSTEM if self.role is Role.DEVELOPER else self.role
        turn: dict[str, object] = {"role": role.value, "content": self.text}
        if self.reasoning:
            turn["reasoning_content"] = self.reasoning
        if self.tool_calls:
            turn["tool_calls"] = [_call_for_template(call) for call in self.tool_calls]
        if self.tool_call_id is not None:
            turn["tool_call_id"] = self.tool_call_id
        if self.name is not None:
            turn["name"] = self.name
        return turn


def _call_for_template(call: ToolCall) -> dict[str, object]:
    """Arguments that are no JSON, or are nested deeper than templates can walk, stay as they are."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = call.arguments
    if too_deep(arguments):
        arguments = call.arguments
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
