"""`messages`: the turns of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import ValidationError

from domain.errors import CapabilityMismatch, InvalidRequest
from domain.inference import Attachment, AttachmentKind, Media, Message, Role, ToolCall
from domain.inference.picture_limits import AttachedBytes
from entrypoints.http.schemas.content import (
    AUDIOS,
    IMAGES,
    MEDIA_PARTS,
    SHOWN,
    VIDEOS,
    Content,
    MediaPart,
    TextOrParts,
)
from entrypoints.http.schemas.data_urls import Place, is_data_url, read_data_url, read_sound
from entrypoints.http.schemas.problems import found
from entrypoints.http.schemas.strict import StrictField, StrictList, StrictObject, StrictSchema, StrictString

ABSENT = object()
OLD_NAMES = {"function": Role.TOOL}  # what OpenAI's API called it before there were tools


class RoleName(StrictField[Role]):
    """One of the roles we know."""

    def read(self, value: object) -> Role:
        if not isinstance(value, str):
            raise ValidationError(f"must be a string, got {found(value)}")
        if value in OLD_NAMES:
            return OLD_NAMES[value]
        if value not in list(Role):
            raise ValidationError(f"must be one of {', '.join(Role)}")
        return Role(value)


class CalledSchema(StrictSchema):
    name = StrictString(required=True)
    arguments = StrictString(required=True)


class CallSchema(StrictSchema):
    id = StrictString(load_default=None)
    type = StrictString(load_default=None)
    function = StrictObject(CalledSchema, required=True)


class MessageSchema(StrictSchema):
    role = RoleName(required=True)
    content = TextOrParts(load_default=ABSENT, allow_none=True)
    reasoning_content = StrictString(load_default=None)
    reasoning = StrictString(load_default=None)
    refusal = StrictString(load_default=None)
    tool_calls = StrictList(StrictObject(CallSchema), load_default=None)
    function_call = StrictObject(CalledSchema, load_default=None)
    tool_call_id = StrictString(load_default=None)
    name = StrictString(load_default=None)


_MESSAGE = MessageSchema()


def read_messages(values: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """What users show is attached to their turns. What else came before the last user's turn is counted: sounds, what
    others than users showed, and pictures that are only named by a URL; from that turn on it is refused.

    Raises InvalidRequest, InvalidMedia, PayloadTooLarge or CapabilityMismatch, naming the place.
    """
    last_user = max((at for at, each in enumerate(values) if each["role"] is Role.USER), default=0)
    attached = AttachedBytes()
    return tuple(_message(f"messages.{at}", each, attached, past=at < last_user) for at, each in enumerate(values))


def undeclared_in(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """`messages.*.name` for every field of a turn that nobody reads and that says something."""
    names = {name for each in values for name in _MESSAGE.undeclared(each) if each[name] is not None}
    return [f"messages.*.{name}" for name in sorted(names)]


def _message(where: str, values: Mapping[str, Any], attached: AttachedBytes, *, past: bool) -> Message:
    role: Role = values["role"]
    calls, reasoning = _calls(where, values), _reasoning(where, values)
    if role is not Role.ASSISTANT:
        for name, given in (("tool_calls", calls), ("reasoning_content", reasoning)):
            if given:
                raise _problem(f"{where}.{name}", f"only an assistant's turn has it, this is the {role.value}'s")
    content = _content(where, values, may_be_absent=bool(calls or reasoning))
    shown = [each for each in content.media if role is Role.USER and _is_shown(each, past=past)]
    return Message(
        role=role,
        content=content.text,
        reasoning=reasoning,
        tool_calls=calls,
        tool_call_id=values["tool_call_id"],
        name=values["name"],
        media=_media(where, [each for each in content.media if each not in shown], past=past),
        attachments=tuple(_attachment(where, each, attached) for each in shown),
    )


def _content(where: str, values: Mapping[str, Any], *, may_be_absent: bool) -> Content:
    content = values["content"]
    if isinstance(content, Content):
        return content
    if values["role"] is Role.ASSISTANT and values["refusal"] is not None:
        return Content(values["refusal"])
    if may_be_absent:
        return Content("")
    raise _problem(
        f"{where}.content",
        "is missing" if content is ABSENT else "must be a string or a list of parts, got null",
    )


def _is_shown(part: MediaPart, *, past: bool) -> bool:
    """A picture of an earlier turn that is only named cannot be shown again: it is counted, and so are the sounds of
    earlier turns.
    """
    if part.kind in AUDIOS:
        return not past
    return part.kind in SHOWN and (not past or is_data_url(part.url or ""))


def _attachment(where: str, part: MediaPart, attached: AttachedBytes) -> Attachment:
    if part.kind in AUDIOS:
        place = f"{where}.content.{part.index}"
        return Attachment.of(AttachmentKind.AUDIO, read_sound(part.data or "", place), part.at, part.name)
    kind = AttachmentKind.IMAGE if part.kind in IMAGES else AttachmentKind.VIDEO
    data = read_data_url(part.url or "", Place(f"{where}.content.{part.index}", kind), attached)
    return Attachment.of(kind, data, part.at, part.name)


def _media(where: str, parts: Sequence[MediaPart], *, past: bool) -> Media:
    for part in parts:
        if past and part.kind in SHOWN | AUDIOS:
            continue
        place = f"{where}.content.{part.index}"
        if part.kind in SHOWN | AUDIOS:
            raise CapabilityMismatch(
                f"{place}: {part.kind} parts are read in users' turns only",
                hint="show it in a user's turn",
                param=place,
            )
        raise CapabilityMismatch(
            f"{place}: {part.kind} parts cannot be read: mlxk does not serve {MEDIA_PARTS[part.kind]}",
            hint="send text, pictures and sounds only",
            param=place,
        )
    kinds = [part.kind for part in parts]
    return Media(*(sum(kind in group for kind in kinds) for group in (IMAGES, AUDIOS, VIDEOS)))


def _calls(where: str, values: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    given = values["tool_calls"] or []
    for at, each in enumerate(given):
        if each["type"] not in (None, "function"):
            raise _problem(f"{where}.tool_calls.{at}.type", "must be function")
    calls = [ToolCall(each["id"] or "", each["function"]["name"], each["function"]["arguments"]) for each in given]
    old = values["function_call"]
    if old is not None:
        calls.append(ToolCall("", old["name"], old["arguments"]))
    return tuple(calls)


def _reasoning(where: str, values: Mapping[str, Any]) -> str:
    """Two names are in use."""
    one, other = values["reasoning_content"] or "", values["reasoning"] or ""
    if one and other and one != other:
        raise _problem(f"{where}.reasoning", "means the same as reasoning_content and differs from it")
    return str(one or other)


def _problem(where: str, what: str) -> InvalidRequest:
    return InvalidRequest(f"{where}: {what}", param=where)
