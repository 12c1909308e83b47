"""The bodies of /v1/embeddings and /v1/rerank, and what is wrong with them."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from domain.errors import InvalidRequest, UnsupportedParameter
from domain.inference.embedding import Embeddings, InputType, RerankScores, Vector
from entrypoints.http.presenters.embedding import present_embeddings, present_ranking
from entrypoints.http.schemas.embedding import MOST_INPUTS, parse_embedding
from entrypoints.http.schemas.rerank import MOST_DOCUMENTS, parse_rerank

HALF = "\ud800"


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("one", ("one",)),
        (["one", "two"], ("one", "two")),
        ([1, 2, 3], ((1, 2, 3),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
    ],
)
def test_input_comes_in_four_shapes(given: object, inputs: tuple[object, ...]) -> None:
    body = parse_embedding({"model": "m", "input": given})
    assert body.request.inputs == inputs
    assert (body.request.input_type, body.request.instruct, body.request.dimensions) == (None, None, None)
    assert not body.base64


def test_everything_else_is_read_as_it_is_meant() -> None:
    body = parse_embedding({
        "model": "m", "input": "x", "encoding_format": "base64", "dimensions": 8, "user": "me", "input_type": "query",
        "instruct": "find it", "colour": 1,
    })  # fmt: skip
    assert body.base64
    assert body.request.input_type is InputType.QUERY
    assert (body.request.dimensions, body.request.instruct) == (8, "find it")
    assert body.ignored == ("colour",)


@pytest.mark.parametrize(
    ("fields", "words", "param"),
    [
        ({}, "input: is missing", "input"),
        ({"input": None}, "input: must not be null", "input"),
        ({"input": ""}, "input: must not be empty", "input"),
        ({"input": []}, "input: must hold at least one text", "input"),
        ({"input": 7}, "input: must be a string, or a list of strings or token ids, got a number", "input"),
        ({"input": ["a", ""]}, "input.1: must not be empty", "input.1"),
        ({"input": ["a", 7]}, "input.1: must be a string, as the first is, got a number", "input.1"),
        ({"input": [None]}, "input.0: must be a string or a list of token ids, got null", "input.0"),
        ({"input": [True]}, "input.0: must be a string or a list of token ids, got a boolean", "input.0"),
        ({"input": ["a", HALF]}, "input.1: holds half of a surrogate pair", "input.1"),
        ({"input": [1, "a"]}, "input: input: place 1 must be a token id, got a string", "input"),
        ({"input": [[1], []]}, "input: input 1 must hold at least one token", "input"),
        ({"input": [[1], "a"]}, "input.1: must be a list of token ids, as the first is, got a string", "input.1"),
        ({"input": ["a"] * (MOST_INPUTS + 1)}, "input: at most 2,048 inputs, got 2,049", "input"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format: must be one of float, base64, got 'int8'", None),
        ({"input": "a", "dimensions": 0}, "dimensions must be at least 1, got 0", "dimensions"),
        ({"input": "a", "dimensions": "8"}, "dimensions: must be a whole number, got a string", "dimensions"),
        ({"input": "a", "input_type": "x"}, "input_type: must be one of query, document, got 'x'", "input_type"),
        ({"input": "a", "input_type": "document", "instruct": "i"}, "instruct is for queries", "instruct"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(fields: dict[str, object], words: str, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as fault:
        parse_embedding({"model": "m", **fields})
    assert words in fault.value.message
    assert param is None or fault.value.param == param


def test_as_many_inputs_as_openai_takes_are_taken() -> None:
    assert len(parse_embedding({"model": "m", "input": ["a"] * MOST_INPUTS}).request.inputs) == MOST_INPUTS


@pytest.mark.parametrize("field", ["task", "truncate_prompt_tokens", "late_chunking"])
def test_what_would_change_the_vectors_elsewhere_is_refused_by_name(field: str) -> None:
    with pytest.raises(UnsupportedParameter, match=field):
        parse_embedding({"model": "m", "input": "a", field: 1})


def test_documents_are_strings_or_objects_with_a_text() -> None:
    body = parse_rerank({
        "model": "m", "query": "q", "documents": ["a", {"text": "b", "id": 1}], "top_n": 1, "return_documents": True,
    })  # fmt: skip
    assert body.request.documents == ("a", "b")
    assert (body.request.query, body.top_n, body.return_documents) == ("q", 1, True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"query": ""}, "query is empty"),
        ({"documents": []}, "documents: must hold at least one text"),
        ({"documents": "a"}, "documents: must be a list of strings or objects with a text, got a string"),
        ({"documents": ["a", 1]}, "documents.1: must be a string, got a number"),
        ({"documents": ["a", ""]}, "documents.1: must not be empty"),
        ({"documents": [{"title": "a"}]}, "documents.0.text: is missing"),
        ({"documents": [{"text": None}]}, "documents.0.text: must be a string, got null"),
        ({"documents": ["a"] * (MOST_DOCUMENTS + 1)}, "documents: at most 2,048 documents, got 2,049"),
        ({"top_n": 0}, "top_n: must be at least 1, got 0"),
        ({"return_documents": 1}, "return_documents: must be true or false, got a number"),
        ({"rank_fields": ["title"]}, "rank_fields: not supported"),
    ],
)
def test_what_is_wrong_with_a_reranking_is_named(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRequest) as fault:
        parse_rerank({"model": "m", "query": "q", "documents": ["a"], **fields})
    assert words in fault.value.message


def vector(*numbers: float) -> Vector:
    return Vector(struct.pack(f"<{len(numbers)}f", *numbers))


@pytest.mark.parametrize("as_base64", [False, True])
def test_vectors_are_written_as_openai_writes_them(*, as_base64: bool) -> None:
    made = Embeddings((vector(0.5, -1.0), vector(0.25, 2.0)), 7)
    written = json.loads(b"".join(present_embeddings(made, {"model": "m"}, base64=as_base64)))
    assert [each["index"] for each in written["data"]] == [0, 1]
    assert {each["object"] for each in written["data"]} == {"embedding"}
    second = written["data"][1]["embedding"]
    assert (list(struct.unpack("<2f", base64.b64decode(second))) if as_base64 else second) == [0.25, 2.0]
    assert written["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert (written["object"], written["model"]) == ("list", "m")


def test_many_vectors_come_in_pieces_of_bounded_size() -> None:
    made = Embeddings(tuple(vector(*([0.1] * 1024)) for _ in range(64)), 64)
    pieces = list(present_embeddings(made, {"model": "m"}, base64=False))
    assert len(pieces) > 8
    assert max(map(len, pieces)) < 2 * 64 * 1024
    assert len(json.loads(b"".join(pieces))["data"]) == 64


def test_the_best_document_comes_first_and_equals_keep_their_order() -> None:
    ranking = present_ranking("m", RerankScores((0.2, 0.9, 0.2), 5), ("a", "b", "c"), None)
    assert ranking["results"] == [
        {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 0.2, "document": {"text": "a"}},
        {"index": 2, "relevance_score": 0.2, "document": {"text": "c"}},
    ]
    shortened = present_ranking("m", RerankScores((0.2, 0.9), 5), None, 1)
    assert shortened["results"] == [{"index": 1, "relevance_score": 0.9}]
