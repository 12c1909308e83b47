"""Methods, slashes and queries that a route does not have, on every route there is."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from entrypoints.http.app import create_app
from entrypoints.http.limits import HttpLimits
from entrypoints.http.openapi.operations import OPERATIONS
from tests.support.fakes.http_services import FakeServices

METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "PROPFIND"}
PATHS = sorted({re.sub(r"{\w+}", "demo", each.path) for each in OPERATIONS})
READ = sorted({re.sub(r"{\w+}", "demo", each.path) for each in OPERATIONS if each.method == "get"})


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(FakeServices(), HttpLimits()).test_client()


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused_with_those_that_there_are(client: FlaskClient, path: str) -> None:
    options = client.options(path)
    allowed = set(options.headers["Allow"].split(", "))
    assert (options.status_code, options.data) == (200, b"")
    assert allowed == ({"GET", "HEAD", "OPTIONS"} if path in READ else {"POST", "OPTIONS"})
    for method in METHODS - allowed:
        response = client.open(path, method=method)
        assert (response.status_code, set(response.headers["Allow"].split(", "))) == (405, allowed), method
        if method != "HEAD":
            error = response.get_json()["error"]
            assert error["message"] == f"{path} does not answer {method}"
            assert error["hint"] == f"it answers {', '.join(sorted(allowed))}"


@pytest.mark.parametrize("path", READ)
def test_head_is_get_without_a_body(client: FlaskClient, path: str) -> None:
    head, whole = client.head(path), client.get(path)
    assert (head.status_code, head.data) == (whole.status_code, b"")
    assert head.content_type == whole.content_type
    if path not in ("/metrics", "/v1/mlxk/server"):
        assert head.content_length == whole.content_length


@pytest.mark.parametrize("path", [each for each in PATHS if each != "/v1/models/demo"])
def test_a_slash_at_the_end_is_another_route(client: FlaskClient, path: str) -> None:
    response = client.get(f"{path}/")
    assert response.status_code == 404
    assert f"{path}/" in response.get_json()["error"]["message"] or "model" in response.get_json()["error"]["code"]


def test_a_route_that_there_is_not_is_named_and_the_list_is_shown(client: FlaskClient) -> None:
    error = client.get("/v1/nothing/here").get_json()["error"]
    assert error["message"] == "there is no route /v1/nothing/here"
    assert error["hint"] == "GET /openapi.json has those that there are"
    assert len(client.get("/" + "x" * 3000).get_json()["error"]["message"]) < 200


@pytest.mark.parametrize("path", ["/health", "/v1/models", "/v1/capabilities", "/openapi.json"])
def test_unknown_parameters_of_a_query_change_nothing(client: FlaskClient, path: str) -> None:
    assert client.get(f"{path}?verbose=1&x[]=%00").data == client.get(path).data


@pytest.mark.parametrize("name", ["load", "unload"])
def test_words_that_are_routes_of_their_own_are_no_models(client: FlaskClient, name: str) -> None:
    assert client.get(f"/v1/models/{name}").status_code == 405
    assert client.get(f"/v1/models/{name}er").get_json()["error"]["code"] == "model_not_found"
    assert client.get(f"/v1/models/org/{name}").get_json()["error"]["code"] == "model_not_found"
