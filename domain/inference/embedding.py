"""Texts in, vectors out; and documents in the order of what they say about a question."""

from __future__ import annotations

import sys
from array import array
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidRequest

FLOAT_BYTES = 4


class InputType(StrEnum):
    """What a text is for: models made for search read questions and what is searched in differently."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Vector:
    """data: its numbers as 32-bit floats, least significant byte first, as they travel."""

    data: bytes

    @property
    def dimensions(self) -> int:
        return len(self.data) // FLOAT_BYTES

    def numbers(self) -> list[float]:
        values = array("f", self.data)
        if sys.byteorder == "big":
            values.byteswap()
        return values.tolist()


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """inputs: texts, or texts as token ids of the model's own. input_type: what they are for, None for neither: then
    nothing is put before them. instruct: the task that a question belongs to, for models that want to know; makes
    questions of the inputs. dimensions: shorten each vector to so many numbers, for models that were made for it.

    Raises InvalidRequest when there are none, or an empty one, or an instruction for documents.
    """

    inputs: tuple[str | tuple[int, ...], ...]
    input_type: InputType | None = None
    instruct: str | None = None
    dimensions: int | None = None

    def __post_init__(self) -> None:
        if not self.inputs:
            raise InvalidRequest("input must hold at least one text", param="input")
        for at, each in enumerate(self.inputs):
            if not each:
                raise InvalidRequest(f"input.{at} is empty", hint="leave it out", param="input")
        if self.dimensions is not None and self.dimensions < 1:
            raise InvalidRequest(f"dimensions must be at least 1, got {self.dimensions}", param="dimensions")
        if self.instruct is not None and self.input_type is InputType.DOCUMENT:
            raise InvalidRequest(
                "instruct is for queries, and input_type says document", hint="leave one of them out", param="instruct"
            )

    @property
    def asks(self) -> bool:
        """The inputs are questions."""
        return self.input_type is InputType.QUERY or self.instruct is not None


@dataclass(frozen=True, slots=True)
class Embeddings:
    """vectors: of unit length where the model's files say so, one for each input in their order. prompt_tokens: read in
    all, what was put before the texts included.
    """

    vectors: tuple[Vector, ...]
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """How well does each document answer the query? instruct: the task, for models that want to know.

    Raises InvalidRequest for an empty query, and when there are no documents or one is empty.
    """

    query: str
    documents: tuple[str, ...]
    instruct: str | None = None

    def __post_init__(self) -> None:
        if not self.query:
            raise InvalidRequest("query is empty", param="query")
        if not self.documents:
            raise InvalidRequest("documents must hold at least one text", param="documents")
        for at, each in enumerate(self.documents):
            if not each:
                raise InvalidRequest(f"documents.{at} is empty", hint="leave it out", param="documents")


@dataclass(frozen=True, slots=True)
class RerankScores:
    """scores: from 0 to 1, one for each document in their order; higher is better. prompt_tokens: read in all."""

    scores: tuple[float, ...]
    prompt_tokens: int
