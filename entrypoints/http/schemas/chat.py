"""The body of POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from domain.errors import CapabilityMismatch, InvalidRequest
from domain.inference import DefaultLength, GenerationRequest, Message, Role, SamplingRequest, TokenLimits
from entrypoints.http.schemas.content import MEDIA_PARTS, Content, TextOrParts
from entrypoints.http.schemas.problems import found, load
from entrypoints.http.schemas.strict import (
    StrictBoolean,
    StrictField,
    StrictInteger,
    StrictList,
    StrictNumber,
    StrictObject,
    StrictSchema,
    StrictString,
    StringOrStrings,
)
from entrypoints.http.schemas.unsupported import refuse_unsupported, without_known


@dataclass(frozen=True, slots=True)
class ChatBody:
    """model: as the client named it. ignored: paths of fields that nobody reads, `*` for list places."""

    model: str
    request: GenerationRequest
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]


class RoleName(StrictField[Role]):
    """One of the roles we know."""

    def read(self, value: object) -> Role:
        if not isinstance(value, str):
            raise ValidationError(f"must be a string, got {found(value)}")
        if value in ("tool", "function"):
            raise ValidationError(f"{value} messages are not supported")
        if value not in list(Role):
            raise ValidationError(f"must be one of {', '.join(Role)}")
        return Role(value)


class MessageSchema(StrictSchema):
    role = RoleName(required=True)
    content = TextOrParts(required=True)


class StreamOptionsSchema(StrictSchema):
    include_usage = StrictBoolean(load_default=None)


class ChatSchema(StrictSchema):
    model = StrictString(required=True)
    messages = StrictList(StrictObject(MessageSchema), required=True)
    stream = StrictBoolean(load_default=None)
    stream_options = StrictObject(StreamOptionsSchema, load_default=None)
    stop = StringOrStrings(load_default=None)
    seed = StrictInteger(load_default=None)
    temperature = StrictNumber(load_default=None)
    top_p = StrictNumber(load_default=None)
    max_tokens = StrictInteger(load_default=None)
    max_completion_tokens = StrictInteger(load_default=None)


_CHAT, _MESSAGE, _STREAM_OPTIONS = ChatSchema(), MessageSchema(), StreamOptionsSchema()


def parse_chat(body: object, default_max_tokens: int | None) -> ChatBody:
    """JSON to a request. default_max_tokens: the server's own, for requests that name none.

    Raises InvalidRequest, UnsupportedParameter or CapabilityMismatch, naming the field.
    """
    values = load(_CHAT, body)
    refuse_unsupported(values)
    if not values["model"].strip():
        raise InvalidRequest("model: must name a model", hint="GET /v1/models lists them", param="model")
    if values["stream_options"] is not None and not values["stream"]:
        raise InvalidRequest("stream_options: only for streamed answers", hint="set stream", param="stream_options")
    return ChatBody(
        model=values["model"],
        request=GenerationRequest(
            messages=_messages(values["messages"]),
            limits=TokenLimits(DefaultLength.HALF_CONTEXT, _max_tokens(values), default_max_tokens),
            sampling=SamplingRequest(values["temperature"], values["top_p"], values["seed"]),
            stop=values["stop"] or (),
        ),
        stream=bool(values["stream"]),
        include_usage=bool((values["stream_options"] or {}).get("include_usage")),
        ignored=_ignored(values),
    )


def _messages(values: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    for number, each in enumerate(values):
        content: Content = each["content"]
        for part in content.media:
            where = f"messages.{number}.content.{part.index}"
            raise CapabilityMismatch(
                f"{where}: {part.kind} parts cannot be read: mlxk does not serve {MEDIA_PARTS[part.kind]}",
                hint="send text parts only",
                param=where,
            )
    return tuple(Message(each["role"], each["content"].text) for each in values)


def _max_tokens(values: Mapping[str, Any]) -> int | None:
    older, newer = values["max_tokens"], values["max_completion_tokens"]
    if older is not None and newer is not None and older != newer:
        raise InvalidRequest(
            f"max_tokens ({older}) and max_completion_tokens ({newer}) mean the same and differ",
            hint="send one of them",
            param="max_completion_tokens",
        )
    asked: int | None = newer if newer is not None else older
    return asked


def _ignored(values: Mapping[str, Any]) -> tuple[str, ...]:
    names = without_known(_CHAT.undeclared(values))
    inside = {name for each in values["messages"] for name in _MESSAGE.undeclared(each)}
    names += [f"messages.*.{name}" for name in sorted(inside)]
    names += [f"stream_options.{name}" for name in _STREAM_OPTIONS.undeclared(values["stream_options"] or {})]
    return tuple(names)
