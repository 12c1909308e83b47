"""`tools`, `tool_choice`, `parallel_tool_calls`: what the model may call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError

from domain.inference import Tool, ToolMode, ToolUse
from entrypoints.http.schemas.problems import found
from entrypoints.http.schemas.strict import (
    FreeObject,
    StrictBoolean,
    StrictField,
    StrictList,
    StrictObject,
    StrictSchema,
    StrictString,
    whole_characters,
)

Choice = tuple[ToolMode, str | None]
FUNCTION_ONLY = 'must be "function": tools of other kinds are not supported'


class FunctionKind(StrictField[str]):
    """The one kind of tool there is."""

    def read(self, value: object) -> str:
        if value != "function":
            raise ValidationError(FUNCTION_ONLY)
        return "function"


class FunctionSchema(StrictSchema):
    name = StrictString(required=True)
    description = StrictString(load_default=None)
    parameters = FreeObject(load_default=None)
    strict = StrictBoolean(load_default=None)


class ToolSchema(StrictSchema):
    type = FunctionKind(required=True)
    function = StrictObject(FunctionSchema, required=True)


class ToolChoice(StrictField[Choice]):
    """`"none"`, `"auto"`, `"required"`, or `{"type": "function", "function": {"name": "..."}}`."""

    def read(self, value: object) -> Choice:
        if isinstance(value, str):
            if value not in list(ToolMode):
                raise ValidationError(f"must be one of {', '.join(ToolMode)}, or name a function")
            return ToolMode(value), None
        if not isinstance(value, dict):
            raise ValidationError(f"must be a string or an object, got {found(value)}")
        if value.get("type") != "function":
            raise ValidationError({"type": [FUNCTION_ONLY]})
        function = value.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str):
            raise ValidationError({"function": {"name": [f"must be a string, got {found(name)}"]}})
        return ToolMode.REQUIRED, whole_characters(name)


class ToolFields(StrictSchema):
    tools = StrictList(StrictObject(ToolSchema), load_default=None)
    tool_choice = ToolChoice(load_default=None)
    parallel_tool_calls = StrictBoolean(load_default=None)


_TOOL, _FUNCTION = ToolSchema(), FunctionSchema()


def read_tools(values: Mapping[str, Any]) -> ToolUse:
    """Raises InvalidRequest as Tool and ToolUse do."""
    functions = [each["function"] for each in values["tools"] or []]
    offered = tuple(
        Tool(each["name"], each["description"] or "", each["parameters"] or {}, bool(each["strict"]))
        for each in functions
    )
    mode, named = values["tool_choice"] or (ToolMode.AUTO, None)
    return ToolUse(offered, mode, named, parallel=values["parallel_tool_calls"] is not False)


def undeclared_in_tools(values: Mapping[str, Any]) -> list[str]:
    """`tools.*.name` for every field that nobody reads."""
    tools = values["tools"] or []
    names = {name for each in tools for name in _TOOL.undeclared(each)}
    names |= {f"function.{name}" for each in tools for name in _FUNCTION.undeclared(each["function"])}
    return [f"tools.*.{name}" for name in sorted(names)]
