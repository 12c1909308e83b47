"""A request as the body of POST /v1/chat/completions (docs/server.md), with nothing of it lost."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import fields
from typing import Any

from domain.inference import (
    Attachment,
    AttachmentKind,
    ConstraintKind,
    GenerationRequest,
    Message,
    OutputConstraint,
    SamplingRequest,
    Tool,
    ToolCall,
    ToolUse,
    Urgency,
)
from domain.inference.picture_kinds import picture_format

Json = dict[str, Any]
OUTPUT_FIELDS = {
    ConstraintKind.JSON_OBJECT: "response_format",
    ConstraintKind.JSON_SCHEMA: "guided_json",
    ConstraintKind.REGEX: "guided_regex",
    ConstraintKind.GRAMMAR: "guided_grammar",
}


def chat_body(request: GenerationRequest, *, name: str, load_token: str, streamed: bool) -> bytes:
    """name: the model's; load_token: which of its loads. The answer is asked for with its report."""
    body: Json = {
        "model": name,
        "messages": [_message(each) for each in request.messages],
        "stream": streamed,
        **_sampling(request.sampling),
        **_prompt(request),
        **_tools(request.tools),
        "mlxk": _extension(request, load_token),
    }
    if streamed:
        body["stream_options"] = {"include_usage": True}
    if request.stop:
        body["stop"] = list(request.stop)
    if request.limits.requested is not None:
        body["max_completion_tokens"] = request.limits.requested
    if request.output is not None:
        body |= _output(request.output)
    if request.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.picture_wishes.chunk is not None:
        body["chunk"] = request.picture_wishes.chunk
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def _message(message: Message) -> Json:
    """The note on what was attached is part of the text: the model reads the same words."""
    content = _parts(message) if message.attachments else message.text
    body: Json = {"role": message.role.value, "content": content}
    if message.reasoning:
        body["reasoning_content"] = message.reasoning
    if message.tool_calls:
        body["tool_calls"] = [_call(each) for each in message.tool_calls]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        body["name"] = message.name
    return body


def _parts(message: Message) -> list[Json]:
    """Text, pictures and text in their order: read back they are the same turn."""
    parts: list[Json] = []
    text, position = message.text, 0
    for each in message.attachments:
        if each.at > position:
            parts.append({"type": "text", "text": text[position : each.at]})
            position = each.at
        parts.append(_shown(each))
    return [*parts, {"type": "text", "text": text[position:]}] if position < len(text) else parts


def _shown(attachment: Attachment) -> Json:
    """What a video is called does not matter: its bytes tell."""
    if attachment.kind is AttachmentKind.AUDIO:
        heard: Json = {"type": "input_audio", "input_audio": {"data": b64encode(attachment.data).decode("ascii")}}
        return heard if attachment.name is None else {**heard, "name": attachment.name}
    if attachment.kind is AttachmentKind.IMAGE:
        field, kind = "image_url", f"image/{picture_format(attachment.data) or 'jpeg'}"
    else:
        field, kind = "video_url", "video/mp4"
    part: Json = {"type": field, field: {"url": f"data:{kind};base64,{b64encode(attachment.data).decode('ascii')}"}}
    return part if attachment.name is None else {**part, "name": attachment.name}


def _call(call: ToolCall) -> Json:
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _sampling(sampling: SamplingRequest) -> Json:
    values = {each.name: getattr(sampling, each.name) for each in fields(sampling)}
    values["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias.items()} or None
    return {name: value for name, value in values.items() if value is not None}


def _prompt(request: GenerationRequest) -> Json:
    prompt = request.prompt
    variables = dict(prompt.variables)
    if prompt.thinking is not None:
        variables["enable_thinking"] = prompt.thinking
    body: Json = {"chat_template_kwargs": variables} if variables else {}
    return body | ({} if prompt.reasoning_effort is None else {"reasoning_effort": prompt.reasoning_effort})


def _tools(tools: ToolUse) -> Json:
    if tools == ToolUse():
        return {}
    choice: object = tools.mode.value
    if tools.named is not None:
        choice = {"type": "function", "function": {"name": tools.named}}
    return {
        "tools": [_tool(each) for each in tools.offered],
        "tool_choice": choice,
        "parallel_tool_calls": tools.parallel,
    }


def _tool(tool: Tool) -> Json:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
        "strict": tool.strict,
    }
    return {"type": "function", "function": function}


def _output(output: OutputConstraint) -> Json:
    """The fields that take a schema as text: it may be none, and that is then said over there."""
    field = OUTPUT_FIELDS[output.kind]
    return {field: {"type": "json_object"} if output.kind is ConstraintKind.JSON_OBJECT else output.source}


def _extension(request: GenerationRequest, load_token: str) -> Json:
    body: Json = {"report": True, "loaded": load_token, "default_length": request.limits.default.value}
    if not request.prompt.template:
        body["template"] = False
    if not request.picture_wishes.table:
        body["image_table"] = False
    for name in ("chat_stops", "inspect", "ignore_stops", "progress"):
        if getattr(request, name):
            body[name] = True
    if request.output is not None and request.output.param != OUTPUT_FIELDS[request.output.kind]:
        body["output_param"] = request.output.param
    if request.urgency != Urgency():
        body |= {"priority": request.urgency.priority, "deadline_seconds": request.urgency.deadline_seconds}
    return body
