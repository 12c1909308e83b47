"""The calls in a model's answer, whatever its format: mlx-lm's parsers, and a few formats that it does not know."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.inference import tool_formats
from domain.inference import Tool, ToolCall, ToolMarks
from domain.inference.json_text import is_object, without_control_characters

Parser = Callable[[str, list[dict[str, object]]], object]
# mlx-lm's parsers whose text between the marks is one JSON object, name and arguments.
JSON_PARSERS = ("json_tools",)
# DeepSeek V3.2's template is a Python function; its marks are made of this token.
DSML = "｜DSML｜"
# Parsers of free text take a brace for a name.
NAME = re.compile(r"\w")
# Where mlx-lm's glm47 parser puts what it could not read.
UNREAD = "raw"


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """marks: around the calls. parse: the text between them to one call or a list of them, as mlx-lm's parsers give
    them; it may raise anything.
    """

    marks: ToolMarks
    parse: Parser


def read_tool_format(tokenizer: Any, source: str) -> ToolFormat | None:
    """What mlx-lm has inferred, else what the template's text shows. source: the chat template, "" for none."""
    if tokenizer.tool_parser is not None:
        kind = tokenizer.init_kwargs.get("tool_parser_type")
        is_json = kind in JSON_PARSERS
        marks = ToolMarks(tokenizer.tool_call_start, tokenizer.tool_call_end, json=is_json)
        return ToolFormat(marks, tool_formats.parse_json_call if is_json else tokenizer.tool_parser)
    found = tool_formats.infer(f"<{DSML}function_calls>" if DSML in tokenizer.get_vocab() else source)
    return None if found is None else ToolFormat(found.marks, found.parse)


def parse_calls(tool_format: ToolFormat, text: str, tools: Sequence[Tool]) -> tuple[ToolCall, ...]:
    """The calls in `text`, in order. Raises ValueError for text that holds none. A call of what is not on
    offer is one too.
    """
    try:
        found = tool_format.parse(text, [_for_parser(tool) for tool in tools])
    except Exception as fault:  # the parsers raise whatever their way of reading raises
        raise ValueError(f"no call can be read from {text[:80]!r}: {type(fault).__name__}: {fault}") from fault
    calls = found if isinstance(found, list) else [found]
    if not calls:
        raise ValueError(f"there is no call in {text[:80]!r}")
    offered = {tool.name: tool for tool in tools}
    return tuple(_tool_call(call, offered) for call in calls)


def _for_parser(tool: Tool) -> dict[str, object]:
    """The parsers look at `properties` for types and trip over a property that is no object."""
    shown = tool.for_template()
    properties = tool.parameters.get("properties")
    if isinstance(properties, Mapping):
        typed = {name: schema if isinstance(schema, Mapping) else {} for name, schema in properties.items()}
        shown["function"] = {"name": tool.name, "parameters": {**tool.parameters, "properties": typed}}
    return shown


def _tool_call(call: object, offered: Mapping[str, Tool]) -> ToolCall:
    if not isinstance(call, Mapping):
        raise ValueError(f"no call: {str(call)[:80]}")
    name, call_id = call.get("name"), call.get("id")
    if not isinstance(name, str) or not (name in offered or NAME.match(name)):
        raise ValueError(f"a call without a name: {str(call)[:80]}")
    arguments = call.get("arguments")
    parameters = str(offered[name].parameters) if name in offered else ""
    if isinstance(arguments, Mapping) and set(arguments) == {UNREAD} and UNREAD not in parameters:
        raise ValueError(f"the arguments cannot be read: {str(arguments[UNREAD])[:80]}")
    return ToolCall(call_id if isinstance(call_id, str) else "", name, _arguments_text(arguments))


def _arguments_text(arguments: object) -> str:
    """JSON text of an object. Text that already is such is kept as the model wrote it, but for control characters
    in strings, which are escaped.
    """
    if arguments is None:
        return "{}"
    if isinstance(arguments, str):
        written = without_control_characters(arguments.strip() or "{}")
        if not is_object(written):
            raise ValueError(f"the arguments are no object: {arguments[:80]}")
        return written
    if not isinstance(arguments, Mapping):
        raise ValueError(f"the arguments are no object: {str(arguments)[:80]}")
    try:
        return json.dumps(arguments, ensure_ascii=False, allow_nan=False)
    except TypeError as fault:
        raise ValueError(f"arguments that JSON cannot hold: {fault}") from fault
