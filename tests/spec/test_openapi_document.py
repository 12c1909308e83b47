"""The OpenAPI document says what the server does: every route, every field, every bound, and nothing else."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from entrypoints.http.app import create_app
from entrypoints.http.errors import STATUS
from entrypoints.http.gate import Doors
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import Address
from entrypoints.http.openapi.document import openapi_document
from entrypoints.http.openapi.field_notes import NOTES
from entrypoints.http.openapi.operation import FORM
from entrypoints.http.openapi.operations import OPERATIONS
from entrypoints.http.schemas.parameters import BODIES
from scripts.generate_openapi import PAGE, page
from tests.support.fakes.http_services import EARS, MODELS, VECTOR_MODELS, FakeServices

METHODS = {"get", "post", "put", "patch", "delete"}
AUTOMATIC = {"HEAD", "OPTIONS"}


def app(**doors: Any) -> Flask:
    services = FakeServices(models=(*MODELS, *VECTOR_MODELS, EARS))
    return create_app(services, HttpLimits(), doors=Doors.at(Address("127.0.0.1", 0), **doors), share=True)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_document(share=True)


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_committed_copy_is_what_make_docs_writes() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"


def test_every_route_is_described_and_nothing_else(document: dict[str, Any]) -> None:
    there = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app().url_map.iter_rules()
        for method in (rule.methods or set()) - AUTOMATIC
    }
    assert {(path, method) for path, method, _ in operations(document)} == there
    assert len(there) > 15


def test_routes_of_share_are_described_only_where_they_are() -> None:
    plain = create_app(FakeServices(), HttpLimits()).test_client().get("/openapi.json").get_json()
    assert set(plain["paths"]) == {each.path for each in OPERATIONS}


def test_every_parameter_of_a_path_is_described(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        described = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", path)), path


def test_names_of_operations_are_there_once(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_the_shapes_are_json_schema_and_their_references_lead_somewhere(document: dict[str, Any]) -> None:
    for shape in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(shape)
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found: Any = document
        for step in reference.split("/"):
            assert step in found, reference
            found = found[step]


def test_every_component_is_used(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for kind in ("schemas", "headers", "responses"):
        for name in document["components"][kind]:
            of_the_connection = name in ("Error414", "Error431", "Error416") or kind == "responses"
            assert of_the_connection or f'"#/components/{kind}/{name}"' in text, name


def test_every_status_of_an_error_has_the_one_envelope(document: dict[str, Any]) -> None:
    responses = document["components"]["responses"]
    assert {f"Error{status}" for status in STATUS.values()} <= set(responses)
    for response in responses.values():
        assert response["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}


def test_every_field_of_every_body_is_there_with_a_word_or_a_bound_for_it(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for body in BODIES:
        properties = schemas[body.name]["properties"]
        assert set(properties) == {*body.schema.fields, *body.refused, *body.without_effect}
        assert all("description" in shape for shape in properties.values()), body.name


def test_every_note_is_about_a_field_that_there_is(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for component, name in NOTES:
        owners = [component] if component in schemas else [each for each in schemas if each.endswith("Request")]
        assert any(name in schemas[owner]["properties"] for owner in owners), (component, name)


def test_with_keys_the_document_wants_one_and_is_behind_the_door_itself() -> None:
    client = app(keys=["a-key-of-this-server"]).test_client()
    assert client.get("/openapi.json").status_code == 401
    told = client.get("/openapi.json", headers={"x-api-key": "a-key-of-this-server"}).get_json()
    assert told["security"] == [{"bearer": []}, {"apiKey": []}]
    assert told["paths"]["/health"]["get"]["security"] == []
    assert app().test_client().get("/openapi.json").get_json()["security"] == []


def as_form(body: Mapping[str, Any]) -> dict[str, Any]:
    """As official clients send it: a file, and lists with brackets behind their names."""
    fields = {f"{name}[]" if isinstance(value, list) else name: value for name, value in body.items()}
    return {**fields, "file": (io.BytesIO(body["file"].encode()), "sound.wav")}


@pytest.mark.parametrize("each", [each for each in OPERATIONS if each.examples], ids=lambda each: each.name)
def test_its_examples_fit_its_schemas_and_are_answered(each: Any, document: dict[str, Any]) -> None:
    client = app().test_client()
    client.post("/v1/models/load", json={"model": "mlxk/demo"})
    shape = {"$ref": f"#/components/schemas/{each.body}", "components": document["components"]}
    for name, body in each.examples.items():
        Draft202012Validator(shape).validate(body)
        form = {"data": as_form(body), "content_type": each.media} if each.media == FORM else {"json": body}
        response = client.open(each.path, method=each.method.upper(), **form)
        assert response.status_code == 200, (name, response.text)


LEAST: Mapping[str, tuple[str, dict[str, Any]]] = {
    "ChatRequest": ("/v1/chat/completions", {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}),
    "CompletionRequest": ("/v1/completions", {"model": "demo", "prompt": "hi"}),
    "RerankRequest": ("/v1/rerank", {"model": "org/reranker", "query": "hi", "documents": ["ho"]}),
}
# What a field needs beside it.
WITH: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("ChatRequest", "top_logprobs"): {"logprobs": True},
    ("CompletionRequest", "max_tokens"): {"echo": True},
}


def bounds() -> Iterator[tuple[str, str, float, float]]:
    """(body, field, the last value that is taken, the first that is not) for every bound of a number."""
    schemas = openapi_document(share=True)["components"]["schemas"]
    for body in LEAST:
        for name, shape in schemas[body]["properties"].items():
            step = 0.001 if "number" in shape.get("type", ()) else 1
            if "minimum" in shape:
                yield body, name, shape["minimum"], shape["minimum"] - step
            if "maximum" in shape:
                yield body, name, shape["maximum"], shape["maximum"] + step


@pytest.fixture(scope="module")
def client() -> Any:
    return app().test_client()


@pytest.mark.parametrize(("body", "name", "last", "first"), list(bounds()))
def test_bounds_are_where_the_rules_have_them(client: Any, body: str, name: str, last: float, first: float) -> None:
    path, least = LEAST[body]

    def param(value: float) -> str | None:
        beside = {"n": value} if name == "best_of" else WITH.get((body, name), {})
        response = client.post(path, json={**least, **beside, name: value})
        return None if response.status_code == 200 else response.get_json()["error"]["param"]

    assert param(last) is None
    assert param(first) == ("n" if name == "best_of" else name)


@pytest.mark.parametrize("body", ["ChatRequest", "CompletionRequest"])
def test_lists_and_words_are_as_long_and_as_many_as_the_rules_have_them(
    client: Any, document: dict[str, Any], body: str
) -> None:
    path, least = LEAST[body]
    properties = document["components"]["schemas"][body]["properties"]
    (words,) = [each for each in properties["stop"]["anyOf"][0]["anyOf"] if each["type"] == "array"]

    def taken(**fields: Any) -> bool:
        return bool(client.post(path, json={**least, **fields}).status_code == 200)

    assert taken(stop=["x"] * words["maxItems"])
    assert not taken(stop=["x"] * (words["maxItems"] + 1))
    assert not taken(stop=[""])
    if "tools" in properties and properties["tools"].get("maxItems"):
        tools = [
            {"type": "function", "function": {"name": f"f{at}"}} for at in range(properties["tools"]["maxItems"] + 1)
        ]
        assert taken(tools=tools[:-1])
        assert not taken(tools=tools)


@pytest.mark.parametrize(
    ("body", "name", "path"),
    [("EmbeddingRequest", "input", "/v1/embeddings"), ("RerankRequest", "documents", "/v1/rerank")],
)
def test_texts_are_as_many_and_as_short_as_the_rules_have_them(
    client: Any, document: dict[str, Any], body: str, name: str, path: str
) -> None:
    shape = document["components"]["schemas"][body]["properties"][name]
    most = next(each["maxItems"] for each in (shape, *shape.get("anyOf", ())) if "maxItems" in each)
    beside = {"model": "org/embedder"} if name == "input" else {"model": "org/reranker", "query": "hi"}

    def taken(texts: list[str]) -> bool:
        judged: bool = Draft202012Validator({**shape, "components": document["components"]}).is_valid(texts)
        assert judged == (client.post(path, json={**beside, name: texts}).status_code == 200)
        return judged

    assert taken(["x"] * most)
    assert not taken(["x"] * (most + 1))
    assert not taken(["x", ""])
    assert not taken([])
