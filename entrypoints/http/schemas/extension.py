"""`mlxk`: what requests may say beyond OpenAI's API. Names that are not here are refused, not ignored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import ValidationError

from domain.errors import InvalidRequest
from domain.inference import DefaultLength, PromptOptions, Urgency
from entrypoints.http.schemas.problems import found
from entrypoints.http.schemas.strict import (
    FreeObject,
    StrictBoolean,
    StrictField,
    StrictInteger,
    StrictNumber,
    StrictObject,
    StrictSchema,
    StrictString,
)

SWITCH = "enable_thinking"


class LengthRule(StrictField[DefaultLength]):
    def read(self, value: object) -> DefaultLength:
        if not isinstance(value, str) or value not in list(DefaultLength):
            shown = value if isinstance(value, str) else found(value)
            raise ValidationError(f"must be one of {', '.join(DefaultLength)}, got {shown[:40]}")
        return DefaultLength(value)


class ExtensionSchema(StrictSchema):
    report = StrictBoolean(load_default=None)
    loaded = StrictString(load_default=None)
    template = StrictBoolean(load_default=None)
    chat_stops = StrictBoolean(load_default=None)
    inspect = StrictBoolean(load_default=None)
    ignore_stops = StrictBoolean(load_default=None)
    progress = StrictBoolean(load_default=None)
    output_param = StrictString(load_default=None)
    image_table = StrictBoolean(load_default=None)
    default_length = LengthRule(load_default=None)
    priority = StrictInteger(load_default=None)
    deadline_seconds = StrictNumber(load_default=None)


class ExtensionFields(StrictSchema):
    mlxk = StrictObject(ExtensionSchema, load_default=None)


class PromptFields(ExtensionFields):
    reasoning_effort = StrictString(load_default=None)
    chat_template_kwargs = FreeObject(load_default=None)


@dataclass(frozen=True, slots=True)
class Extension:
    """report: tell with the answer how it came about. loaded: a loaded model by its token, in place of its name.
    default_length: None is the server's own rule. output_param: what errors call the answer's form, None as the field
    that it came in. image_table: False leaves out the table of pictures. The others as in GenerationRequest.
    """

    report: bool = False
    loaded: str | None = None
    template: bool = True
    chat_stops: bool = False
    inspect: bool = False
    ignore_stops: bool = False
    progress: bool = False
    output_param: str | None = None
    default_length: DefaultLength | None = None
    urgency: Urgency = field(default_factory=Urgency)
    image_table: bool = True


_EXTENSION = ExtensionSchema()


def read_extension(values: Mapping[str, Any]) -> Extension:
    """Raises InvalidRequest, also for a name that nobody knows."""
    given = values["mlxk"]
    if given is None:
        return Extension()
    if unknown := _EXTENSION.undeclared(given):
        known = ", ".join(_EXTENSION.fields)
        raise InvalidRequest(
            f"mlxk.{unknown[0][:40]}: there is no such field",
            hint=f"there are {known}",
            param=f"mlxk.{unknown[0][:40]}",
        )
    return Extension(
        report=bool(given["report"]),
        loaded=given["loaded"],
        template=given["template"] is not False,
        chat_stops=bool(given["chat_stops"]),
        inspect=bool(given["inspect"]),
        ignore_stops=bool(given["ignore_stops"]),
        progress=bool(given["progress"]),
        output_param=given["output_param"],
        default_length=given["default_length"],
        urgency=Urgency(given["priority"] or 0, given["deadline_seconds"]),
        image_table=given["image_table"] is not False,
    )


def read_prompt(values: Mapping[str, Any], extension: Extension) -> PromptOptions:
    """`enable_thinking` among the template's variables is the switch for thinking. Raises InvalidRequest."""
    variables = dict(values["chat_template_kwargs"] or {})
    thinking = variables.pop(SWITCH, None)
    if thinking is not None and not isinstance(thinking, bool):
        where = f"chat_template_kwargs.{SWITCH}"
        raise InvalidRequest(f"{where}: must be true or false, got {found(thinking)}", param=where)
    return PromptOptions(extension.template, variables, values["reasoning_effort"], thinking)
