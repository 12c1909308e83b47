"""Clients of streams that have nothing to send yet: a model that loads, a prompt that is read, a pause."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest

from tests.support.eventually import eventually
from tests.support.fakes.http_services import SLOW
from tests.support.http_server import Server, started
from tests.support.raw_http import RawClient

CHAT = "/v1/chat/completions"
COMMENT = b": keep-alive\n\n"
LIMITS = {"open_answers": 2, "silent_seconds": 0.2, "heartbeat_seconds": 0.1}


def asking(question: str, model: str = "demo", **fields: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": question}], "stream": True, **fields}


def let_in(server: Server, body: dict[str, object]) -> RawClient:
    """A client whose stream has begun: the place of one that has left is free a moment later."""
    clients: list[RawClient] = []

    def tried() -> bool:
        client = RawClient(server.port)
        client.post(CHAT, body)
        if b" 200 " in client.read_until(b"\r\n\r\n"):
            clients.append(client)
            return True
        client.sock.close()
        return False

    eventually(tried, "a place to be free")
    return clients[0]


@pytest.fixture
def server() -> Iterator[Server]:
    with started(preload_model="demo", limits=LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with started(preload_model="demo", limits=LIMITS) as running:
        yield running


@pytest.fixture(autouse=True)
def gentle(shared: Server) -> Iterator[None]:
    yield
    shared.tell(hold_after=None)
    eventually(lambda: shared.running() == 0, "all answers to end")


def test_while_a_model_loads_comments_come_and_then_the_answer(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(CHAT, asking("hi", SLOW))
        assert b"200 OK" in client.read_until(b"\r\n\r\n")
        assert b"data:" not in client.read_until(COMMENT) + client.read_until(COMMENT)
        server.tell(open_gate=True)
        assert b'"hello"' in client.read_until(b"data: [DONE]\n\n")


def test_an_error_after_the_headers_is_an_event_with_the_requests_id(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(CHAT, asking("fail", SLOW))
        head = client.read_until(b"\r\n\r\n").decode()
        client.read_until(COMMENT)
        server.tell(open_gate=True)
        client.read_until(b"data: ")
        told = json.loads(client.read_until(b"\n\n"))
    assert told["status"] == "error"
    assert told["error"]["code"] == "generation_failed"
    assert f"X-Request-ID: {told['request_id']}" in head


def test_a_client_that_leaves_while_its_model_loads_leaves_nothing_behind(server: Server) -> None:
    for _ in range(3):  # more than there are places
        with let_in(server, asking("hi", SLOW)) as client:
            client.read_until(COMMENT)
        with let_in(server, asking("hi")) as other:
            other.read_until(b"data: [DONE]\n\n")
    server.tell(open_gate=True)
    with let_in(server, asking("hi", SLOW)) as client:
        client.read_until(b"data: [DONE]\n\n")
    state = server.tell(ask="state")
    assert state["running"] == 0
    assert len(state["asked"]) == 4  # those who left were not answered


def test_what_fails_at_once_is_a_status(shared: Server) -> None:
    for body, status in ((asking("hi", "none/such"), 404), (asking("fail"), 500), (asking("hi", n=99), 400)):
        with RawClient(shared.port) as client:
            client.post(CHAT, body)
            answer = client.answer()
            assert (answer.status, answer.json()["status"]) == (status, "error")


def test_a_prompt_that_is_read_for_long_and_a_pause_are_bridged_too(shared: Server) -> None:
    shared.tell(hold_after=0)
    with RawClient(shared.port) as client:
        client.post(CHAT, asking("count"))
        client.read_until(COMMENT)
        shared.tell(hold_after=2)
        assert b"data:" in client.read_until(b'" 2"')
        assert b"data:" not in client.read_until(COMMENT).split(b"\n\n", 1)[1]
        shared.tell(hold_after=None)
        client.read_until(b"data: [DONE]\n\n")


def test_a_client_that_leaves_a_silent_stream_is_noticed(shared: Server) -> None:
    shared.tell(hold_after=0)
    with RawClient(shared.port) as client:
        client.post(CHAT, asking("count", n=2))
        client.read_until(COMMENT)
        assert shared.running() == 2
    eventually(lambda: shared.running() == 0, "the cancel")


def test_the_official_client_does_not_see_comments_and_bears_progress(shared: Server) -> None:
    shared.tell(hold_after=1)
    with openai.OpenAI(base_url=f"{shared.url}/v1", api_key="none", max_retries=0) as client:
        chunks = client.chat.completions.create(
            model="demo",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            extra_body={"stream_options": {"include_progress": True, "include_usage": True}},
        )
        first, progress = next(chunks), next(chunks)
        shared.tell(hold_after=None)
        rest = list(chunks)
    assert (first.choices[0].delta.role, progress.choices[0].delta.content) == ("assistant", None)
    assert progress.model_dump()["mlxk"] == {"prompt_progress": {"done": 2, "total": 2}}
    assert "".join(chunk.choices[0].delta.content or "" for chunk in rest if chunk.choices) == "hello there"
