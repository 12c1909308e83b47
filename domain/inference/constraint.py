"""The form that an answer must have, enforced token by token."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ConstraintKind(StrEnum):
    """json_object: any JSON object. json_schema, regex, grammar (Lark): as `source` says."""

    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    GRAMMAR = "grammar"


@dataclass(frozen=True, slots=True)
class OutputConstraint:
    """source: the schema as JSON text, the regular expression, or the grammar; "" for json_object. It holds from the
    end of the reasoning on. param: the request's field it came from, for errors.
    """

    kind: ConstraintKind
    source: str = ""
    param: str = "response_format"
