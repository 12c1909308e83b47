"""`response_format` and its relatives: the form that an answer must have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError

from domain.errors import InvalidRequest, UnsupportedParameter
from domain.inference import ConstraintKind, OutputConstraint
from entrypoints.http.schemas.problems import found
from entrypoints.http.schemas.strict import (
    FreeObject,
    StrictBoolean,
    StrictField,
    StrictObject,
    StrictSchema,
    StrictString,
    whole_characters,
)

FORMATS = ("text", "json_object", "json_schema", "regex", "grammar")


class JsonSchemaSchema(StrictSchema):
    """`strict` asks for nothing more: schemas are enforced in any case."""

    name = StrictString(load_default=None)
    description = StrictString(load_default=None)
    schema = FreeObject(required=True)
    strict = StrictBoolean(load_default=None)


class ResponseFormatSchema(StrictSchema):
    type = StrictString(required=True)
    json_schema = StrictObject(JsonSchemaSchema, load_default=None)
    schema = FreeObject(load_default=None)
    regex = StrictString(load_default=None)
    grammar = StrictString(load_default=None)


class SchemaOrText(StrictField[str]):
    """A JSON Schema, as an object or as its text; always the text afterwards."""

    def read(self, value: object) -> str:
        if isinstance(value, str):
            return whole_characters(value)
        if not isinstance(value, dict):
            raise ValidationError(f"must be an object or its text, got {found(value)}")
        return json.dumps(FreeObject().read(value))


class OutputFields(StrictSchema):
    response_format = StrictObject(ResponseFormatSchema, load_default=None)
    guided_json = SchemaOrText(load_default=None)
    guided_regex = StrictString(load_default=None)
    guided_grammar = StrictString(load_default=None)


_GUIDED = {
    "guided_json": ConstraintKind.JSON_SCHEMA,
    "guided_regex": ConstraintKind.REGEX,
    "guided_grammar": ConstraintKind.GRAMMAR,
}
_FORMAT, _JSON_SCHEMA = ResponseFormatSchema(), JsonSchemaSchema()


def read_output(values: Mapping[str, Any], named: str | None = None) -> OutputConstraint | None:
    """None when any text will do. named: what errors of the model call the form, None as the field that it came in.

    Raises InvalidRequest, UnsupportedParameter.
    """
    forms = [OutputConstraint(kind, values[name], name) for name, kind in _GUIDED.items() if values[name] is not None]
    if values["response_format"] is not None and (form := _of_format(values["response_format"])) is not None:
        forms.insert(0, form)
    if len(forms) > 1:
        names = " and ".join(form.param for form in forms)
        raise InvalidRequest(f"{names} contradict each other", hint="send one of them", param=forms[1].param)
    return replace(forms[0], param=named or forms[0].param) if forms else None


def undeclared_in_format(values: Mapping[str, Any]) -> list[str]:
    """`response_format.name` for every field that nobody reads."""
    form = values["response_format"] or {}
    names = _FORMAT.undeclared(form)
    names += [f"json_schema.{name}" for name in _JSON_SCHEMA.undeclared(form.get("json_schema") or {})]
    return [f"response_format.{name}" for name in names]


def _of_format(form: Mapping[str, Any]) -> OutputConstraint | None:
    match form["type"]:
        case "text":
            return None
        case "json_object" if form["schema"] is None:
            return OutputConstraint(ConstraintKind.JSON_OBJECT)
        case "json_object":
            return OutputConstraint(ConstraintKind.JSON_SCHEMA, json.dumps(form["schema"]))
        case "json_schema":
            return OutputConstraint(ConstraintKind.JSON_SCHEMA, json.dumps(_needed(form, "json_schema")["schema"]))
        case "regex":
            return OutputConstraint(ConstraintKind.REGEX, _needed(form, "regex"))
        case "grammar":
            return OutputConstraint(ConstraintKind.GRAMMAR, _needed(form, "grammar"))
        case other:
            raise UnsupportedParameter(
                f"response_format.type: {other[:40]!r} is not supported by mlxk",
                hint=f"{', '.join(FORMATS)} are",
                param="response_format.type",
            )


def _needed(form: Mapping[str, Any], name: str) -> Any:
    if form[name] is None:
        raise InvalidRequest(f"response_format.{name}: is missing", param=f"response_format.{name}")
    return form[name]
