"""What /v1/capabilities says of parameters, limits and routes is so."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from entrypoints.http.app import create_app
from entrypoints.http.gate import Doors
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import Address
from entrypoints.http.openapi.document import openapi_document
from entrypoints.http.presenters.ignored import HEADER
from entrypoints.http.schemas.embedding import MOST_INPUTS
from entrypoints.http.schemas.parameters import BODIES, Body
from entrypoints.http.schemas.rerank import MOST_DOCUMENTS
from tests.support.described_server import closed
from tests.support.fakes.http_services import MODELS, VECTOR_MODELS, FakeServices

MODEL = "mlxk/demo"
TURNS = [{"role": "user", "content": "hi"}]
LEAST: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": MODEL, "messages": TURNS},
    "/v1/completions": {"model": MODEL, "prompt": "hi"},
    "/v1/embeddings": {"model": "org/embedder", "input": "hi"},
    "/v1/rerank": {"model": "org/reranker", "query": "hi", "documents": ["ho"]},
    "/v1/models/load": {"model": MODEL},
    "/v1/models/unload": {"model": MODEL},
}
# What stands around a field that is inside of another.
AROUND: dict[str, dict[str, Any]] = {
    "stream_options": {"stream": True, "stream_options": {}},
    "response_format": {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
    "mlxk": {"mlxk": {}},
}
HONOURED = [(route, name) for body in BODIES for route in body.routes if route in LEAST for name in body.honoured()]
REFUSED = [
    (route, name, values)
    for body in BODIES
    for route in body.routes
    if route in LEAST
    for name, values in body.refused_paths().items()
]


@pytest.fixture(scope="module")
def services() -> FakeServices:
    return FakeServices(models=(*MODELS, *VECTOR_MODELS))


@pytest.fixture(scope="module")
def client(services: FakeServices) -> FlaskClient:
    return create_app(services, HttpLimits(chat_body_bytes=2000, default_max_tokens=7)).test_client()


@pytest.fixture(scope="module")
def told(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/capabilities").get_json()
    return found


def having(route: str, name: str, value: object) -> dict[str, Any]:
    """The least body with that field, which may be inside of others."""
    first, *inner = name.split(".")
    body = {**LEAST[route], **copy.deepcopy(AROUND.get(first, {}) if inner else {})}
    place = body
    for step in [first, *inner][:-1]:
        place = place.setdefault(step, {})
    place[name.rpartition(".")[2]] = value
    return body


def test_it_has_the_shape_that_the_document_gives_it(told: dict[str, Any]) -> None:
    document = openapi_document(share=False)
    shape = closed(document["components"]["schemas"]["Capabilities"])
    Draft202012Validator({**shape, "components": document["components"]}).validate(told)


def test_it_tells_of_what_its_surroundings_say(told: dict[str, Any]) -> None:
    assert told["versions"]["mlx"] == "0.32.4"
    assert told["versions"]["mlx-vlm"] is None, "what is not installed"
    assert told["memory"] == {"total_bytes": 1000, "one_model_bytes": 600, "all_models_bytes": 700}
    assert (told["ffmpeg"], told["aliases"]) == (True, 1)
    assert told["features"]["prompt_cache"] == {"ram_bytes": 10, "disk_bytes": 0}
    assert (told["limits"]["body_bytes"], told["limits"]["default_max_tokens"]) == (2000, 7)


def test_memory_is_null_where_the_system_tells_nothing() -> None:
    services = FakeServices()
    services.memory.total = None
    assert create_app(services, HttpLimits()).test_client().get("/v1/capabilities").get_json()["memory"] is None


def test_it_names_neither_keys_nor_aliases_nor_places() -> None:
    doors = Doors.at(Address("127.0.0.1", 0), keys=["a-key-of-this-server"])
    client = create_app(FakeServices(), HttpLimits(), doors=doors, share=True).test_client()
    assert client.get("/v1/capabilities").status_code == 401
    response = client.get("/v1/capabilities", headers={"Authorization": "Bearer a-key-of-this-server"})
    assert response.get_json()["authentication"]["required"] is True
    assert response.get_json()["features"]["share"] is True
    assert not re.search(r"a-key|mine|/home|/models/mlxk|\.venv", response.text)


def test_its_endpoints_are_the_routes_and_answer_as_said(client: FlaskClient, told: dict[str, Any]) -> None:
    for each in told["endpoints"]:
        path = each["path"].replace("{model_id}", "demo")
        allowed = client.options(path).headers["Allow"]
        assert sorted(allowed.split(", ")) == each["methods"]
    assert "/v1/capabilities" in [each["path"] for each in told["endpoints"]]


def test_limits_hold_where_they_are_told(client: FlaskClient, told: dict[str, Any]) -> None:
    limits = told["limits"]

    def problem(**fields: object) -> str:
        response = client.post("/v1/chat/completions", json={**LEAST["/v1/chat/completions"], **fields})
        return "" if response.status_code == 200 else str(response.get_json()["error"]["param"])

    assert (problem(n=limits["n"]), problem(n=limits["n"] + 1)) == ("", "n")
    assert problem(stop=["x"] * limits["stop_strings"]) == ""
    assert problem(stop=["x"] * (limits["stop_strings"] + 1)) == "stop"
    assert problem(logprobs=True, top_logprobs=limits["top_logprobs"]) == ""
    assert problem(logprobs=True, top_logprobs=limits["top_logprobs"] + 1) == "top_logprobs"
    assert (limits["embedding_inputs"], limits["rerank_documents"]) == (MOST_INPUTS, MOST_DOCUMENTS)
    turns = [{"role": "user", "content": "x" * limits["body_bytes"]}]
    assert client.post("/v1/chat/completions", json={"model": MODEL, "messages": turns}).status_code == 413


@pytest.mark.parametrize(("route", "name"), HONOURED)
def test_what_is_honoured_is_read(client: FlaskClient, told: dict[str, Any], route: str, name: str) -> None:
    """A value of the wrong kind is refused by the field's name, so somebody looks at it."""
    assert name in told["parameters"][route]["honoured"]
    params = []
    for wrong in ({"no": 1}, "text", 3.5, True):
        response = client.post(route, json=having(route, name, wrong))
        if response.status_code == 400:
            params.append(response.get_json()["error"]["param"])
    assert any(str(param).startswith(name) for param in params), params


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("temperature", 0.25, "sampling.temperature"),
        ("seed", 12, "sampling.seed"),
        ("max_tokens", 5, "limits.requested"),
        ("mlxk.priority", 3, "urgency.priority"),
        ("mlxk.ignore_stops", True, "ignore_stops"),
    ],
)
def test_what_is_honoured_reaches_the_model(
    client: FlaskClient, services: FakeServices, name: str, value: object, found: str
) -> None:
    assert client.post("/v1/completions", json=having("/v1/completions", name, value)).status_code == 200
    reached: Any = services.launcher.workers[-1].requests[-1]
    for step in found.split("."):
        reached = getattr(reached, step)
    assert reached == value


@pytest.mark.parametrize(("route", "name", "values"), REFUSED)
def test_what_is_refused_is_refused_by_name_unless_it_asks_for_nothing(
    client: FlaskClient, told: dict[str, Any], route: str, name: str, values: tuple[object, ...]
) -> None:
    assert told["parameters"][route]["refused"][name] == list(values)
    response = client.post(route, json=having(route, name, {"something": "else"}))
    error = response.get_json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", name)
    for value in (None, *values):
        taken = client.post(route, json=having(route, name, value))
        assert taken.status_code == 200, (value, taken.text)
        assert name not in taken.headers.get(HEADER, "")


@pytest.mark.parametrize("route", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank"])
def test_what_has_no_effect_is_taken_without_a_word(client: FlaskClient, told: dict[str, Any], route: str) -> None:
    names = told["parameters"][route]["without_effect"]
    assert "user" in names
    response = client.post(route, json={**LEAST[route], **dict.fromkeys(names, "x"), "nobody_knows": 1})
    assert (response.status_code, response.headers[HEADER]) == (200, "nobody_knows")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body.name))
def test_no_field_is_left_out(told: dict[str, Any], body: Body) -> None:
    for route in body.routes:
        parameters = told["parameters"][route]
        named = {*parameters["honoured"], *parameters["refused"], *parameters["without_effect"]}
        assert set(body.schema.fields) <= named
        assert set(parameters["honoured"]).isdisjoint(parameters["refused"])
