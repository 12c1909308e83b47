"""The body of POST /v1/rerank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from marshmallow import ValidationError

from domain.errors import InvalidRequest
from domain.inference.embedding import RerankRequest
from entrypoints.http.schemas.problems import found, load
from entrypoints.http.schemas.strict import (
    StrictBoolean,
    StrictField,
    StrictInteger,
    StrictSchema,
    StrictString,
    whole_characters,
)
from entrypoints.http.schemas.unsupported import RERANK, refuse_unsupported, without_known

MOST_DOCUMENTS = 2048


class Documents(StrictField[tuple[str, ...]]):
    """A list of strings, or of objects with a `text`; their texts afterwards."""

    def read(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValidationError(f"must be a list of strings or objects with a text, got {found(value)}")
        if not value:
            raise ValidationError("must hold at least one text")
        if len(value) > MOST_DOCUMENTS:
            raise ValidationError(f"at most {MOST_DOCUMENTS:,} documents, got {len(value):,}")
        return tuple(_text(each, at) for at, each in enumerate(value))


class RerankSchema(StrictSchema):
    model = StrictString(required=True)
    query = StrictString(required=True)
    documents = Documents(required=True)
    top_n = StrictInteger(load_default=None)
    return_documents = StrictBoolean(load_default=None)
    instruct = StrictString(load_default=None)


@dataclass(frozen=True, slots=True)
class RerankBody:
    """top_n: how many of the best are told, None for all. return_documents: with their texts. ignored: fields that
    nobody knows.
    """

    model: str
    request: RerankRequest
    top_n: int | None
    return_documents: bool
    ignored: tuple[str, ...]


_RERANK = RerankSchema()


def parse_rerank(body: object) -> RerankBody:
    """Raises InvalidRequest, UnsupportedParameter, naming the field and the place in it."""
    values = load(_RERANK, body)
    refuse_unsupported(values, RERANK)
    top_n = values["top_n"]
    if top_n is not None and top_n < 1:
        raise InvalidRequest(f"top_n: must be at least 1, got {str(top_n)[:24]}", param="top_n")
    request = RerankRequest(values["query"], values["documents"], values["instruct"] or None)
    ignored = without_known(_RERANK.undeclared(values), RERANK)
    return RerankBody(values["model"], request, top_n, bool(values["return_documents"]), tuple(ignored))


def _text(value: object, at: int) -> str:
    text = value.get("text") if isinstance(value, Mapping) else value
    place = f"{at}.text" if isinstance(value, Mapping) else str(at)
    if isinstance(value, Mapping) and "text" not in value:
        raise ValidationError({place: ["is missing"]})
    if not isinstance(text, str):
        raise ValidationError({place: [f"must be a string, got {found(text)}"]})
    if not text:
        raise ValidationError({place: ["must not be empty"]})
    try:
        return whole_characters(text)
    except ValidationError as fault:
        raise ValidationError({place: fault.messages}) from None
