"""Formats of calls that mlx-lm does not infer, each with what in a template shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.inference import ToolMarks
from domain.inference.json_text import refuse_constant

_DECODER = json.JSONDecoder(strict=False, parse_constant=refuse_constant)
_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN_CALLS = re.compile(r"[ \t\r\n,;]*")
BARE_OPENING = '{"name": '
DEEPSEEK_CALL = re.compile(r"<｜tool▁call▁begin｜>(.*?)<｜tool▁sep｜>(.*?)<｜tool▁call▁end｜>", re.DOTALL)
DEEPSEEK_FENCED = re.compile(r"\s*(\S+)\s*```json\s*(.*?)\s*```\s*", re.DOTALL)
DSML_CALL = re.compile(r'<｜DSML｜invoke name="([^"]+)">(.*?)</｜DSML｜invoke>', re.DOTALL)
DSML_PARAMETER = re.compile(
    r'<｜DSML｜parameter name="([^"]+)" string="(true|false)">(.*?)</｜DSML｜parameter>', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """parse: as mlx-lm's parsers: the text between the marks and the tools, to a list of calls."""

    marks: ToolMarks
    parse: Callable[[str, Any], object]


def infer(source: str) -> KnownFormat | None:
    """source: the text of a chat template."""
    quoted = source.replace('\\"', '"')
    if "<｜DSML｜function_calls>" in source:
        return KnownFormat(ToolMarks("<｜DSML｜function_calls>", "</｜DSML｜function_calls>"), parse_dsml)
    if "<｜tool▁calls▁begin｜>" in source:
        return KnownFormat(ToolMarks("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"), parse_deepseek)
    if "<|START_ACTION|>" in source:
        return KnownFormat(ToolMarks("<|START_ACTION|>", "<|END_ACTION|>"), parse_json_calls)
    if "<|tool_call|>" in source:
        closing = next((mark for mark in ("<|/tool_call|>", "<|end_tool_call|>") if mark in source), "")
        return KnownFormat(ToolMarks("<|tool_call|>", closing), parse_json_calls)
    if "<tool_call>" in source and "</tool_call>" in source and "<function=" not in source:
        return KnownFormat(ToolMarks("<tool_call>", "</tool_call>", json=True), parse_json_call)
    if BARE_OPENING in quoted and '"parameters": ' in quoted:
        return KnownFormat(ToolMarks(BARE_OPENING, ""), parse_bare_json)
    return None


def parse_json_call(text: str, _tools: object = None) -> object:
    """One JSON object, `name` and `arguments`; the arguments stay as they are written."""
    call, end = _json_call(text, _skip(_SPACE, text, 0))
    if _skip(_SPACE, text, end) != len(text):
        raise ValueError("more than one JSON object")
    return call


def parse_json_calls(text: str, _tools: object = None) -> list[dict[str, object]]:
    """A JSON list of calls, or JSON objects one after the other."""
    at = _skip(_SPACE, text, 0)
    if text[at : at + 1] == "[":
        at, stop = at + 1, "]"
    else:
        stop = ""
    calls: list[dict[str, object]] = []
    while (at := _skip(_BETWEEN_CALLS, text, at)) < len(text):
        if stop and text[at] == stop:
            at += 1
            break
        call, at = _json_call(text, at)
        calls.append(call)
    if text[at:].strip():
        raise ValueError("there is text after the calls")
    return calls


def parse_bare_json(text: str, tools: Sequence[Mapping[str, Any]]) -> object:
    """llama 3's: the answer is a call, whose beginning was its mark. Other JSON begins so too: a call has parameters,
    or the name of a tool.
    """
    offered = {tool["function"]["name"] for tool in tools}
    calls = parse_json_calls(BARE_OPENING + text)
    for call in calls:
        if call["arguments"] is None and call["name"] not in offered:
            raise ValueError(f"{str(call['name'])[:80]!r} has no parameters and is no tool")
    return calls


def parse_deepseek(text: str, _tools: object = None) -> object:
    """`function<sep>NAME` with the arguments in a fence (V3), or `NAME<sep>ARGUMENTS` (V3.1)."""
    calls: list[dict[str, object]] = []
    for head, body in DEEPSEEK_CALL.findall(text):
        fenced = DEEPSEEK_FENCED.fullmatch(body) if head.strip() == "function" else None
        name, arguments = fenced.groups() if fenced else (head, body)
        calls.append({"name": name.strip(), "arguments": arguments.strip()})
    return calls


def parse_dsml(text: str, _tools: object = None) -> object:
    """DeepSeek V3.2's: one tag a call, one a parameter; what is no string is JSON."""
    return [
        {
            "name": name,
            "arguments": {
                key: value if is_string == "true" else _DECODER.decode(value)
                for key, is_string, value in DSML_PARAMETER.findall(body)
            },
        }
        for name, body in DSML_CALL.findall(text)
    ]


def _json_call(text: str, start: int) -> tuple[dict[str, object], int]:
    members, end = json_members(text, start)
    name = next((members[key] for key in ("name", "tool_name") if key in members), None)
    arguments = next((members[key] for key in ("arguments", "parameters") if key in members), "null")
    if name is None:
        raise ValueError("the JSON object has no name")
    written = _DECODER.decode(arguments)
    call: dict[str, object] = {
        "name": _DECODER.decode(name),
        "arguments": written if written is None or isinstance(written, str) else arguments,
    }
    call_id = next((_DECODER.decode(members[key]) for key in ("id", "tool_call_id") if key in members), None)
    return call | ({"id": call_id} if isinstance(call_id, str) else {}), end


def json_members(text: str, start: int = 0) -> tuple[dict[str, str], int]:
    """The members of the JSON object at `start`, each value as it is written, and where the object ends. Control
    characters in strings are let through.

    Raises ValueError for what is no JSON object.
    """
    if text[start : start + 1] != "{":
        raise ValueError(f"no JSON object at {start}")
    members: dict[str, str] = {}
    _, end = _DECODER.raw_decode(text, start)
    at = _skip(_SPACE, text, start + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        value_at = _skip(_SPACE, text, _skip(_SPACE, text, at) + 1)
        _, at = _DECODER.raw_decode(text, value_at)
        members[str(key)] = text[value_at:at]
        at = _skip(_SPACE, text, at)
        if text[at] == ",":
            at = _skip(_SPACE, text, at + 1)
    return members, end


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()
