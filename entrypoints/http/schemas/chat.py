"""The body of POST /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.errors import InvalidRequest
from domain.inference import GenerationRequest, PictureWishes
from domain.inference.choices import answers_to
from entrypoints.http.schemas.answers import AnswerFields, Answers, Delivery, read_delivery, read_limits
from entrypoints.http.schemas.extension import Extension, PromptFields, read_extension, read_prompt
from entrypoints.http.schemas.messages import MessageSchema, read_messages, undeclared_in
from entrypoints.http.schemas.output_form import OutputFields, read_output, undeclared_in_format
from entrypoints.http.schemas.problems import load
from entrypoints.http.schemas.sampling import SamplingFields, ScoreFields, read_logprobs, read_sampling
from entrypoints.http.schemas.strict import StrictInteger, StrictList, StrictObject
from entrypoints.http.schemas.tools import ToolFields, read_tools, undeclared_in_tools
from entrypoints.http.schemas.unsupported import CHAT, refuse_unsupported, without_known


class ChatSchema(AnswerFields, SamplingFields, ScoreFields, ToolFields, OutputFields, PromptFields):
    messages = StrictList(StrictObject(MessageSchema), required=True)
    max_completion_tokens = StrictInteger(load_default=None)
    chunk = StrictInteger(load_default=None)


_CHAT = ChatSchema()


def parse_chat(body: object, default_max_tokens: int | None) -> Answers:
    """JSON to a request. default_max_tokens: the server's own, for requests that name none.

    Raises InvalidRequest, UnsupportedParameter or CapabilityMismatch, naming the field.
    """
    values = load(_CHAT, body)
    refuse_unsupported(values, CHAT)
    extension = read_extension(values)
    delivery = read_delivery(values, progress=extension.progress)
    answers = 1 if values["n"] is None else values["n"]
    return Answers(
        model=values["model"],
        requests=answers_to(_request(values, extension, delivery, default_max_tokens), answers),
        answers=answers,
        stream=delivery.stream,
        include_usage=delivery.include_usage,
        ignored=_ignored(values, delivery),
        loaded=extension.loaded,
        report=extension.report,
    )


def _request(
    values: Mapping[str, Any], extension: Extension, delivery: Delivery, default_max_tokens: int | None
) -> GenerationRequest:
    return GenerationRequest(
        messages=read_messages(values["messages"]),
        limits=read_limits(_max_tokens(values), extension.default_length, default_max_tokens),
        sampling=read_sampling(values),
        stop=values["stop"] or (),
        prompt=read_prompt(values, extension),
        tools=read_tools(values),
        output=read_output(values, extension.output_param),
        logprobs=read_logprobs(values),
        chat_stops=extension.chat_stops,
        inspect=extension.inspect,
        progress=delivery.progress,
        ignore_stops=extension.ignore_stops,
        urgency=extension.urgency,
        picture_wishes=PictureWishes(values["chunk"], extension.image_table),
    )


def _max_tokens(values: Mapping[str, Any]) -> int | None:
    older, newer = values["max_tokens"], values["max_completion_tokens"]
    if older is not None and newer is not None and older != newer:
        raise InvalidRequest(
            f"max_tokens ({older}) and max_completion_tokens ({newer}) mean the same and differ",
            hint="send one of them",
            param="max_completion_tokens",
        )
    if newer is not None and newer < 1:
        name = "max_completion_tokens"
        raise InvalidRequest(f"{name} must be at least 1, got {str(newer)[:24]}", param=name)
    asked: int | None = newer if newer is not None else older
    return asked


def _ignored(values: Mapping[str, Any], delivery: Delivery) -> tuple[str, ...]:
    names = without_known(_CHAT.undeclared(values), CHAT)
    names += undeclared_in(values["messages"])
    names += undeclared_in_tools(values)
    names += undeclared_in_format(values)
    return (*names, *delivery.ignored)
