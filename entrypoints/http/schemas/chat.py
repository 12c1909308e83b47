"""The body of POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import InvalidRequest
from domain.inference import DefaultLength, GenerationRequest, PictureWishes, TokenLimits
from entrypoints.http.schemas.extension import Extension, PromptFields, read_extension, read_prompt
from entrypoints.http.schemas.messages import MessageSchema, read_messages, undeclared_in
from entrypoints.http.schemas.output_form import OutputFields, read_output, undeclared_in_format
from entrypoints.http.schemas.problems import load
from entrypoints.http.schemas.sampling import SamplingFields, read_logprobs, read_sampling
from entrypoints.http.schemas.strict import (
    StrictBoolean,
    StrictInteger,
    StrictList,
    StrictObject,
    StrictSchema,
    StrictString,
    StringOrStrings,
)
from entrypoints.http.schemas.tools import ToolFields, read_tools, undeclared_in_tools
from entrypoints.http.schemas.unsupported import refuse_unsupported, without_known


@dataclass(frozen=True, slots=True)
class ChatBody:
    """model: as the client named it. loaded: a loaded model's token, which then counts instead of the name.
    report: tell how the answer came about. ignored: paths of fields that nobody reads, `*` for list places.
    """

    model: str
    request: GenerationRequest
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]
    loaded: str | None = None
    report: bool = False


class StreamOptionsSchema(StrictSchema):
    include_usage = StrictBoolean(load_default=None)


class ChatSchema(SamplingFields, ToolFields, OutputFields, PromptFields):
    model = StrictString(required=True)
    messages = StrictList(StrictObject(MessageSchema), required=True)
    stream = StrictBoolean(load_default=None)
    stream_options = StrictObject(StreamOptionsSchema, load_default=None)
    stop = StringOrStrings(load_default=None)
    max_tokens = StrictInteger(load_default=None)
    max_completion_tokens = StrictInteger(load_default=None)
    chunk = StrictInteger(load_default=None)


_CHAT, _STREAM_OPTIONS = ChatSchema(), StreamOptionsSchema()


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
    extension = read_extension(values)
    return ChatBody(
        model=values["model"],
        request=_request(values, extension, default_max_tokens),
        stream=bool(values["stream"]),
        include_usage=bool((values["stream_options"] or {}).get("include_usage")),
        ignored=_ignored(values),
        loaded=extension.loaded,
        report=extension.report,
    )


def _request(values: Mapping[str, Any], extension: Extension, default_max_tokens: int | None) -> GenerationRequest:
    return GenerationRequest(
        messages=read_messages(values["messages"]),
        limits=_limits(values, extension.default_length, default_max_tokens),
        sampling=read_sampling(values),
        stop=values["stop"] or (),
        prompt=read_prompt(values, extension),
        tools=read_tools(values),
        output=read_output(values, extension.output_param),
        logprobs=read_logprobs(values),
        chat_stops=extension.chat_stops,
        inspect=extension.inspect,
        ignore_stops=extension.ignore_stops,
        urgency=extension.urgency,
        picture_wishes=PictureWishes(values["chunk"], extension.image_table),
    )


def _limits(values: Mapping[str, Any], rule: DefaultLength | None, default_max_tokens: int | None) -> TokenLimits:
    """A rule that the request brings itself replaces the server's, number and all."""
    asked = _max_tokens(values)
    if rule is not None:
        return TokenLimits(rule, asked)
    return TokenLimits(DefaultLength.HALF_CONTEXT, asked, default_max_tokens)


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
    names += undeclared_in(values["messages"])
    names += undeclared_in_tools(values)
    names += undeclared_in_format(values)
    names += [f"stream_options.{name}" for name in _STREAM_OPTIONS.undeclared(values["stream_options"] or {})]
    return tuple(names)
