"""Functions that a model may ask its caller to run, and its requests to run them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.errors import InvalidRequest

MAX_TOOLS = 512
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,256}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tool:
    """One function on offer. parameters: its JSON Schema, {} for none. strict: its arguments must fit the schema.

    Raises InvalidRequest for a name that no API takes.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    strict: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidRequest(
                f"{self.name[:64]!r} is no function name",
                hint="letters, digits and _ . : - only, at most 256 of them",
                param="tools",
            )

    def for_template(self) -> dict[str, object]:
        """As chat templates read it."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": dict(self.parameters)},
        }


class ToolMode(StrEnum):
    """none: tools are not even shown to the model. auto: it decides. required: it must call at least one."""

    NONE = "none"
    AUTO = "auto"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What one request offers. named: the one function that must be called (mode is then REQUIRED). parallel: several
    calls in one answer are welcome.

    Raises InvalidRequest when a name is there twice, or `named` is not on offer, or something is required of nothing.
    """

    offered: tuple[Tool, ...] = ()
    mode: ToolMode = ToolMode.AUTO
    named: str | None = None
    parallel: bool = True

    def __post_init__(self) -> None:
        names = [tool.name for tool in self.offered]
        twice = next((name for name in names if names.count(name) > 1), None)
        if len(names) > MAX_TOOLS:
            raise InvalidRequest(f"at most {MAX_TOOLS} tools, got {len(names)}", param="tools")
        if twice is not None:
            raise InvalidRequest(f"the tool {twice!r} is there twice", param="tools")
        if self.named is not None and self.named not in names:
            raise InvalidRequest(
                f"tool_choice names {self.named!r}, which is not among the tools",
                hint=f"offered are {', '.join(names)}" if names else "send tools with it",
                param="tool_choice",
            )
        if self.mode is ToolMode.REQUIRED and not self.offered:
            raise InvalidRequest("tool_choice requires a call, but there are no tools", param="tool_choice")

    @property
    def shown(self) -> tuple[Tool, ...]:
        """The tools that the model gets to see."""
        return () if self.mode is ToolMode.NONE else self.offered

    @property
    def callable(self) -> tuple[Tool, ...]:
        """The tools that may be called: one when it is named."""
        return tuple(tool for tool in self.shown if self.named in (None, tool.name))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """arguments: JSON text, as the model gave it. call_id: "" where nobody has named it yet."""

    call_id: str
    name: str
    arguments: str
