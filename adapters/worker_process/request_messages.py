"""A request as a JSON object and back. What is as it is by default is left out.

The bytes of what is attached stand beside the object, each once however often it is shown, and are named by their place
there. What the front alone has to know (PictureWishes) does not travel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from domain.inference import (
    Attachment,
    AttachmentKind,
    BarePrompt,
    ConstraintKind,
    DefaultLength,
    GenerationRequest,
    Media,
    Message,
    OutputConstraint,
    PromptOptions,
    Role,
    SamplingRequest,
    TokenLimits,
    Tool,
    ToolCall,
    ToolMode,
    ToolUse,
    Urgency,
)

Json = dict[str, Any]
_PLAIN = GenerationRequest((Message(Role.USER, ""),))


def encode_request(request: GenerationRequest) -> Json:
    """Everything that a worker has to know of a request; the bytes of what is attached are its `tails_of`."""
    tails = {each.digest: at for at, each in enumerate(_attached(request))}
    limits = request.limits
    body: Json = {
        "messages": [_message_out(message, tails) for message in request.messages],
        "limits": [limits.default.value, limits.requested, limits.server_default],
        "stop": list(request.stop),
        "logprobs": request.logprobs,
        "chat_stops": request.chat_stops,
        "inspect": request.inspect,
        "progress": request.progress,
        "ignore_stops": request.ignore_stops,
        "sampling": _sampling_out(request.sampling),
    }
    if request.prompt != _PLAIN.prompt:
        body["prompt"] = asdict(request.prompt)
    if request.tools != _PLAIN.tools:
        body["tools"] = _tools_out(request.tools)
    if request.output is not None:
        body["output"] = [request.output.kind.value, request.output.source, request.output.param]
    if request.urgency != _PLAIN.urgency:
        body["urgency"] = asdict(request.urgency)
    if request.describe_pictures:
        body["describe"] = True
    if request.picture_numbers:
        body["numbers"] = list(request.picture_numbers)
    if request.bare is not None:
        body["bare"] = [request.bare.text, list(request.bare.tokens), request.bare.echo, request.bare.answers]
    return body


def tails_of(request: GenerationRequest) -> list[bytes]:
    """The bytes of what is attached, as `encode_request` numbers them."""
    return [each.data for each in _attached(request)]


def decode_request(body: Mapping[str, Any], tails: Sequence[bytes] = ()) -> GenerationRequest:
    """tails: of `tails_of`. Raises KeyError, TypeError, ValueError, IndexError or MlxkError for what `encode_request`
    does not write.
    """
    default, requested, server_default = body["limits"]
    output, bare = body.get("output"), body.get("bare")
    return GenerationRequest(
        messages=tuple(_message_in(each, tails) for each in body["messages"]),
        limits=TokenLimits(DefaultLength(default), requested, server_default),
        sampling=_sampling_in(body["sampling"]),
        stop=tuple(body["stop"]),
        prompt=PromptOptions(**body.get("prompt", {})),
        tools=_tools_in(body["tools"]) if "tools" in body else _PLAIN.tools,
        output=None if output is None else OutputConstraint(ConstraintKind(output[0]), output[1], output[2]),
        logprobs=body["logprobs"],
        chat_stops=body["chat_stops"],
        inspect=body["inspect"],
        progress=body["progress"],
        ignore_stops=body["ignore_stops"],
        urgency=Urgency(**body.get("urgency", {})),
        describe_pictures=body.get("describe", False),
        picture_numbers=tuple(body.get("numbers", ())),
        bare=None if bare is None else BarePrompt(bare[0], tuple(bare[1]), bare[2], bare[3]),
    )


def _attached(request: GenerationRequest) -> list[Attachment]:
    """What is attached anywhere, each once, in the order of first appearance."""
    found: dict[str, Attachment] = {}
    for message in request.messages:
        for each in message.attachments:
            found.setdefault(each.digest, each)
    return list(found.values())


def _message_out(message: Message, tails: Mapping[str, int]) -> Json:
    body: Json = {"role": message.role.value, "content": message.content}
    if message.reasoning:
        body["reasoning"] = message.reasoning
    if message.tool_calls:
        body["calls"] = [[call.call_id, call.name, call.arguments] for call in message.tool_calls]
    if message.tool_call_id is not None:
        body["call_id"] = message.tool_call_id
    if message.name is not None:
        body["name"] = message.name
    if message.media != Media():
        body["media"] = [message.media.images, message.media.audios, message.media.videos]
    if message.attachments:
        body["attached"] = [
            [each.kind.value, tails[each.digest], each.at, each.digest, each.name] for each in message.attachments
        ]
    return body


def _message_in(body: Mapping[str, Any], tails: Sequence[bytes]) -> Message:
    return Message(
        role=Role(body["role"]),
        content=body["content"],
        reasoning=body.get("reasoning", ""),
        tool_calls=tuple(ToolCall(*call) for call in body.get("calls", ())),
        tool_call_id=body.get("call_id"),
        name=body.get("name"),
        media=Media(*body.get("media", ())),
        attachments=tuple(_attachment_in(tails, *each) for each in body.get("attached", ())),
    )


def _attachment_in(tails: Sequence[bytes], kind: str, tail: int, at: int, digest: str, name: str | None) -> Attachment:
    """The digest is the front's word: it made it from the same bytes."""
    return Attachment(AttachmentKind(kind), tails[tail], at, digest, name)


def _sampling_out(sampling: SamplingRequest) -> Json:
    values = {each.name: getattr(sampling, each.name) for each in fields(sampling)}
    values["logit_bias"] = [[token, bias] for token, bias in sampling.logit_bias.items()] or None
    return {name: value for name, value in values.items() if value is not None}


def _sampling_in(body: Mapping[str, Any]) -> SamplingRequest:
    return SamplingRequest(**{**body, "logit_bias": {int(token): bias for token, bias in body.get("logit_bias", ())}})


def _tools_out(tools: ToolUse) -> Json:
    offered = [[tool.name, tool.description, dict(tool.parameters), tool.strict] for tool in tools.offered]
    return {"offered": offered, "mode": tools.mode.value, "named": tools.named, "parallel": tools.parallel}


def _tools_in(body: Mapping[str, Any]) -> ToolUse:
    offered = tuple(Tool(*tool) for tool in body["offered"])
    return ToolUse(offered, ToolMode(body["mode"]), body["named"], body["parallel"])
