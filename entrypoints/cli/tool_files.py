"""Functions on offer, from a JSON file: as OpenAI's API has them, or bare."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import InvalidRequest
from domain.inference import Tool, ToolMode, ToolUse
from entrypoints.cli.attachments import read_json

OPTION = "--tools"


def tool_use(path: str | None, choice: str | None) -> ToolUse:
    """choice: auto, none, required or a function's name. Raises InvalidRequest, which names the entry at fault."""
    if path is None:
        return ToolUse()
    offered = _tools(path)
    if choice in (None, *ToolMode):
        return ToolUse(offered, ToolMode(choice or ToolMode.AUTO))
    return ToolUse(offered, ToolMode.REQUIRED, named=choice)


def _tools(path: str) -> tuple[Tool, ...]:
    entries = read_json(path, OPTION)
    if not isinstance(entries, list) or not entries:
        raise _wrong(path, "is not a list of functions")
    return tuple(_tool(entry, f"entry {at}", path) for at, entry in enumerate(entries, start=1))


def _tool(entry: object, where: str, path: str) -> Tool:
    """`{"type": "function", "function": {...}}`, or what stands in its `function` alone."""
    if not isinstance(entry, dict):
        raise _wrong(path, f"{where} is no object")
    if entry.get("type", "function") != "function":
        raise _wrong(path, f"{where} has the type {str(entry['type'])[:40]!r}; functions only")
    function = entry.get("function", entry)
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise _wrong(path, f"{where} has no name")
    parameters = _typed(function, "parameters", dict, where, path)
    return Tool(
        function["name"],
        str(_typed(function, "description", str, where, path) or ""),
        parameters if isinstance(parameters, dict) else {},
        strict=bool(_typed(function, "strict", bool, where, path)),
    )


def _typed(function: Mapping[str, object], name: str, kind: type, where: str, path: str) -> object:
    """A field of the right type, or None where it is not there."""
    value = function.get(name)
    if value is None or isinstance(value, kind):
        return value
    words = {dict: "an object", str: "a text", bool: "true or false"}
    raise _wrong(path, f"{name} of {where} is not {words[kind]}")


def _wrong(path: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"{OPTION} {path!r}: {what}",
        hint='a list of {"name": ..., "description": ..., "parameters": {JSON Schema}}',
        param=OPTION,
    )
