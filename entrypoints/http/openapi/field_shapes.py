"""What each kind of field takes, as JSON Schema. A kind that is not here fails the document, not a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import fields

from domain.inference import ToolMode
from domain.inference.choices import MAX_CHOICES
from domain.inference.limits import DefaultLength
from domain.inference.message import Role
from domain.inference.sampling import BIAS_LIMIT, MAX_BIASES
from entrypoints.http.openapi.json_shapes import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    STRINGS,
    Shape,
    array,
    component,
    constant,
    record,
)
from entrypoints.http.schemas.completion import Prompts
from entrypoints.http.schemas.content import TextOrParts
from entrypoints.http.schemas.embedding import MOST_INPUTS, Choice, Inputs
from entrypoints.http.schemas.extension import LengthRule
from entrypoints.http.schemas.form_fields import FormBoolean, FormFile, FormNumber, FormWords
from entrypoints.http.schemas.messages import OLD_NAMES, RoleName
from entrypoints.http.schemas.output_form import SchemaOrText
from entrypoints.http.schemas.rerank import MOST_DOCUMENTS, Documents
from entrypoints.http.schemas.sampling import LogitBias
from entrypoints.http.schemas.strict import (
    FreeObject,
    StrictBoolean,
    StrictInteger,
    StrictNumber,
    StrictString,
    StringOrStrings,
)
from entrypoints.http.schemas.tools import FunctionKind, ToolChoice

TOKEN: Shape = {"type": "integer", "minimum": 0, "exclusiveMaximum": 2**31}
TOKENS: Shape = {**array(TOKEN), "minItems": 1}
TEXT: Shape = {"type": "string", "minLength": 1}
OBJECT: Shape = {"type": "object"}
LOGIT_BIAS: Shape = {
    "type": "object",
    "propertyNames": {"pattern": "^[0-9]{1,10}$"},
    "additionalProperties": {"type": "number", "minimum": -BIAS_LIMIT, "maximum": BIAS_LIMIT},
    "maxProperties": MAX_BIASES,
}
NAMED_FUNCTION = record({"type": constant("function"), "function": record({"name": STRING})})

KINDS: Mapping[type[fields.Field[Any]], Shape] = {
    StrictString: STRING,
    StrictInteger: INTEGER,
    StrictNumber: NUMBER,
    StrictBoolean: BOOLEAN,
    FreeObject: OBJECT,
    FormFile: {**STRING, "contentMediaType": "application/octet-stream"},
    FormNumber: NUMBER,
    FormBoolean: BOOLEAN,
    StringOrStrings: {"anyOf": [STRING, STRINGS]},
    LogitBias: LOGIT_BIAS,
    FunctionKind: constant("function"),
    ToolChoice: {"anyOf": [constant(*(str(each) for each in ToolMode)), NAMED_FUNCTION]},
    SchemaOrText: {"anyOf": [OBJECT, STRING]},
    LengthRule: constant(*(str(each) for each in DefaultLength)),
    RoleName: constant(*(str(each) for each in Role), *OLD_NAMES),
    TextOrParts: {"anyOf": [STRING, array(component("ContentPart"))]},
    Prompts: {
        "anyOf": [
            STRING,
            {**STRINGS, "minItems": 1, "maxItems": MAX_CHOICES},
            TOKENS,
            {**array(TOKENS), "minItems": 1, "maxItems": MAX_CHOICES},
        ]
    },
    Inputs: {
        "anyOf": [
            TEXT,
            {**array(TEXT), "minItems": 1, "maxItems": MOST_INPUTS},
            TOKENS,
            {**array(TOKENS), "minItems": 1, "maxItems": MOST_INPUTS},
        ]
    },
    Documents: {**array({"anyOf": [TEXT, record({"text": TEXT})]}), "minItems": 1, "maxItems": MOST_DOCUMENTS},
}


def field_shape(field: fields.Field[Any], named: Callable[[fields.Nested], Shape]) -> Shape:
    """named: what stands for an object with a schema of its own. Raises TypeError for a kind that has no shape."""
    if isinstance(field, fields.Nested):
        return named(field)
    if isinstance(field, fields.List):
        return array(field_shape(field.inner, named))
    if isinstance(field, FormWords):
        return array(constant(*field.words))
    if isinstance(field, Choice):
        return constant(*map(str, field.words))
    if type(field) not in KINDS:
        raise TypeError(f"{type(field).__name__} has no shape in the OpenAPI document: give it one in KINDS")
    return dict(KINDS[type(field)])
