"""What the routes of `--share` say to names and numbers that nobody can mean."""

from __future__ import annotations

import re
from typing import cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from domain.errors import ModelNotFound
from domain.hub.remote_model import RemoteModel
from domain.hub.search import MAX_RESULTS, SearchQuery
from entrypoints.http.share import share_routes
from ports.hub import ModelHub


class EmptyHub:
    """ModelHub without models."""

    def __init__(self) -> None:
        self.asked: list[SearchQuery] = []

    def search(self, query: SearchQuery) -> tuple[RemoteModel, ...]:
        self.asked.append(query)
        return ()

    def describe(self, name: str, revision: str) -> RemoteModel:
        raise ModelNotFound(f"nothing here is called {name}@{revision}")


@pytest.fixture
def hub() -> EmptyHub:
    return EmptyHub()


@pytest.fixture
def client(hub: EmptyHub) -> FlaskClient:
    app = Flask("share", static_folder=None)
    app.register_blueprint(share_routes(lambda: cast(ModelHub, hub)))
    return app.test_client()


@pytest.mark.parametrize("name", ["%1F", "%7F%C2%85", "%0A%0Dx", "m%C3%BCller"])
def test_a_name_of_any_characters_fits_the_header_that_tells_of_it(client: FlaskClient, name: str) -> None:
    response = client.get(f"/api/models/acme/{name}")
    assert response.status_code == 404
    told = response.headers["X-Error-Message"]
    assert re.fullmatch(r"[ -~]+", told), told
    assert told.startswith("nothing here is called acme/")


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5", "", "%D9%A3"])
def test_a_limit_that_is_no_number_is_refused(client: FlaskClient, hub: EmptyHub, limit: str) -> None:
    response = client.get(f"/api/models?search=x&limit={limit}")
    assert (response.status_code, response.get_json()["error"]["param"]) == (400, "limit")
    assert hub.asked == []


@pytest.mark.parametrize(("given", "meant"), [("&limit=5", 5), ("&limit=1000", MAX_RESULTS), ("", MAX_RESULTS)])
def test_a_limit_counts_as_far_as_it_may(client: FlaskClient, hub: EmptyHub, given: str, meant: int) -> None:
    assert client.get(f"/api/models?search=x{given}").status_code == 200
    assert [each.limit for each in hub.asked] == [meant]
