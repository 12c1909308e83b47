"""The body of POST /v1/embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from domain.inference.embedding import EmbeddingRequest, InputType
from entrypoints.http.schemas.problems import found, load
from entrypoints.http.schemas.strict import StrictField, StrictInteger, StrictSchema, StrictString, whole_characters
from entrypoints.http.schemas.token_ids import token_ids
from entrypoints.http.schemas.unsupported import EMBEDDINGS, refuse_unsupported, without_known

MOST_INPUTS = 2048  # as OpenAI's
FLOAT, BASE64 = "float", "base64"

GivenInput = str | tuple[int, ...]


class Inputs(StrictField[tuple[GivenInput, ...]]):
    """A string, a list of strings, a list of token ids, or a list of lists of token ids; a tuple afterwards."""

    def read(self, value: object) -> tuple[GivenInput, ...]:
        if isinstance(value, str):
            if not value:
                raise ValidationError("must not be empty")
            return (whole_characters(value),)
        if not isinstance(value, list):
            raise ValidationError(f"must be a string, or a list of strings or token ids, got {found(value)}")
        if not value:
            raise ValidationError("must hold at least one text")
        if isinstance(value[0], int) and not isinstance(value[0], bool):
            return (token_ids(value, "input"),)
        if len(value) > MOST_INPUTS:
            raise ValidationError(f"at most {MOST_INPUTS:,} inputs, got {len(value):,}")
        return tuple(_one(each, value[0], at) for at, each in enumerate(value))


class Choice(StrictField[str]):
    """One of a few words."""

    def __init__(self, *words: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.words = words

    def read(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            shown = repr(value[:40]) if isinstance(value, str) else found(value)
            raise ValidationError(f"must be one of {', '.join(self.words)}, got {shown}")
        return value


class EmbeddingSchema(StrictSchema):
    model = StrictString(required=True)
    input = Inputs(required=True)
    encoding_format = Choice(FLOAT, BASE64, load_default=None)
    dimensions = StrictInteger(load_default=None)
    input_type = Choice(*InputType, load_default=None)
    instruct = StrictString(load_default=None)


@dataclass(frozen=True, slots=True)
class EmbeddingBody:
    """base64: the vectors are wanted so, not as numbers. ignored: fields that nobody knows."""

    model: str
    request: EmbeddingRequest
    base64: bool
    ignored: tuple[str, ...]


_EMBEDDING = EmbeddingSchema()


def parse_embedding(body: object) -> EmbeddingBody:
    """Raises InvalidRequest, UnsupportedParameter, naming the field and the place in it."""
    values = load(_EMBEDDING, body)
    refuse_unsupported(values, EMBEDDINGS)
    kind = values["input_type"]
    request = EmbeddingRequest(
        inputs=values["input"],
        input_type=None if kind is None else InputType(kind),
        instruct=values["instruct"] or None,
        dimensions=values["dimensions"],
    )
    ignored = without_known(_EMBEDDING.undeclared(values), EMBEDDINGS)
    return EmbeddingBody(values["model"], request, values["encoding_format"] == BASE64, tuple(ignored))


def _one(value: object, first: object, at: int) -> GivenInput:
    """The input at a place of a list. first: the list's first, like which they all must be."""
    if isinstance(first, str) and isinstance(value, str):
        if not value:
            raise ValidationError({str(at): ["must not be empty"]})
        try:
            return whole_characters(value)
        except ValidationError as fault:
            raise ValidationError({str(at): fault.messages}) from None
    if isinstance(first, list) and isinstance(value, list):
        return token_ids(value, f"input {at}")
    raise ValidationError({str(at): [f"must be {_like(first)}, got {found(value)}"]})


def _like(first: object) -> str:
    if isinstance(first, str):
        return "a string, as the first is"
    return "a list of token ids, as the first is" if isinstance(first, list) else "a string or a list of token ids"
