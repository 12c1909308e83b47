"""Every error of the tree has a status, a body and, where it matters, a word on retrying."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from domain.errors import (
    AmbiguousModel,
    EngineDied,
    InsufficientMemory,
    InvalidRequest,
    MlxkError,
    ModelLoadFailed,
    ModelNotRunnable,
    ServerBusy,
    leaves,
)
from entrypoints.http.errors import STATUS, error_object, respond


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


@pytest.mark.parametrize("leaf", [ModelNotRunnable, InsufficientMemory, ModelLoadFailed])
def test_clients_are_told_not_to_repeat_what_cannot_work(leaf: type[MlxkError]) -> None:
    assert respond(leaf("no")).headers["x-should-retry"] == "false"


@pytest.mark.parametrize("leaf", [EngineDied, ServerBusy])
def test_clients_may_repeat_the_rest(leaf: type[MlxkError]) -> None:
    assert "x-should-retry" not in respond(leaf("no")).headers


def test_a_busy_server_says_when_to_come_back() -> None:
    assert respond(ServerBusy("full")).headers["Retry-After"] == "1"
