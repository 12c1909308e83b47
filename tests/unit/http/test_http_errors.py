"""Every error of the tree has a status, a body and, where it matters, a word on retrying."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from flask import Flask
from werkzeug.serving import make_server
from werkzeug.wsgi import LimitedStream

from domain.errors import (
    AmbiguousModel,
    EngineDied,
    Interrupted,
    InvalidRequest,
    MlxkError,
    ModelLoadFailed,
    ModelSuspended,
    ServerBusy,
    leaves,
)
from entrypoints.http.app import create_app
from entrypoints.http.errors import STATUS, error_object, respond
from entrypoints.http.limits import HttpLimits
from tests.support.fakes.http_services import FakeServices


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_every_error_has_a_status_and_a_body(leaf: type[MlxkError]) -> None:
    assert 400 <= STATUS[leaf] < 600
    with Flask("test").app_context():
        response = respond(leaf("what happened"))
    body = json.loads(response.get_data())
    assert response.status_code == STATUS[leaf]
    assert body["status"] == "error"
    assert body["error"]["type"] == leaf.type
    assert body["error"]["code"] == leaf.code
    assert body["error"]["retryable"] is leaf.retryable
    assert "request_id" in body


def test_the_table_holds_nothing_else() -> None:
    assert set(STATUS) == set(leaves())


def test_a_body_has_what_there_is_to_say_and_no_empty_fields() -> None:
    assert error_object(InvalidRequest("m", param="p")) == {
        "type": "validation_error",
        "message": "m",
        "code": "validation_error",
        "param": "p",
        "retryable": False,
    }
    full = error_object(AmbiguousModel("m", hint="h", matches=("a", "b"), detail={"n": 1}))
    assert (full["hint"], full["matches"], full["detail"]) == ("h", ["a", "b"], {"n": 1})


@pytest.mark.parametrize("leaf", [leaf for leaf in leaves() if STATUS[leaf] in (501, 507)] + [ModelLoadFailed])
def test_clients_are_told_not_to_repeat_what_cannot_work(leaf: type[MlxkError]) -> None:
    assert respond(leaf("no")).headers["x-should-retry"] == "false"


@pytest.mark.parametrize("leaf", [EngineDied, ServerBusy])
def test_clients_may_repeat_the_rest(leaf: type[MlxkError]) -> None:
    assert "x-should-retry" not in respond(leaf("no")).headers


def test_a_busy_server_says_when_to_come_back() -> None:
    assert respond(ServerBusy("full")).headers["Retry-After"] == "1"


def test_a_pause_that_the_error_tells_is_told_in_whole_seconds() -> None:
    assert respond(ModelSuspended("tired", detail={"retry_after_seconds": 7.2})).headers["Retry-After"] == "8"


def test_a_client_that_hung_up_before_its_model_came_is_no_fault_of_the_server() -> None:
    assert respond(Interrupted("nobody waits")).status_code == 499


CLASSES: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    499: openai.APIStatusError,
}


@pytest.fixture(scope="module")
def house() -> FakeServices:
    return FakeServices()


@pytest.fixture(scope="module")
def client(house: FakeServices) -> Iterator[openai.OpenAI]:
    app = create_app(house, HttpLimits())

    def bounded(environ: Any, start_response: Any) -> Any:
        """Bodies end where gunicorn lets them end."""
        environ["wsgi.input"] = LimitedStream(environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0))
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, bounded, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as made:
        yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_the_official_client_knows_every_error(
    house: FakeServices, client: openai.OpenAI, leaf: type[MlxkError], streamed: bool
) -> None:
    house.broken = leaf("what happened", param="messages", detail={"most": 3})
    expected = CLASSES.get(STATUS[leaf], openai.InternalServerError)
    messages: Any = [{"role": "user", "content": "hi"}]
    with pytest.raises(expected) as chat:
        client.chat.completions.create(model="demo", messages=messages, stream=streamed)
    house.broken = leaf("what happened", param="messages", detail={"most": 3})
    with pytest.raises(expected) as completion:
        client.completions.create(model="demo", prompt="hi", stream=streamed)
    for caught, param in ((chat.value, "messages"), (completion.value, "prompt")):
        assert (caught.status_code, caught.code, caught.param, caught.type) == (
            STATUS[leaf],
            leaf.code,
            param,
            leaf.type,
        )
        assert caught.body == {
            "type": leaf.type,
            "message": "what happened",
            "code": leaf.code,
            "param": param,
            "retryable": leaf.retryable,
            "detail": {"most": 3},
        }
        assert caught.request_id == caught.response.json()["request_id"]
