"""A client that goes away is noticed between tokens, and its place is free."""

from __future__ import annotations

import socket
import struct
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.eventually import eventually
from tests.support.http_server import Server, started
from tests.support.raw_http import RawClient, head

CHAT = "/v1/chat/completions"
COUNT = {"model": "demo", "messages": [{"role": "user", "content": "count"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(preload_model="demo", limits={"open_answers": 1}) as running:
        yield running


def open_answers(server: Server) -> int:
    """Places that are taken. An answer gives its own back a moment after its last byte."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=20) as told:  # noqa: S310 - our own server
        (line,) = (each for each in told.read().decode().splitlines() if each.startswith("mlxk_open_answers "))
    return int(float(line.split()[1]))


@pytest.fixture(autouse=True)
def held(server: Server) -> Iterator[None]:
    """Every answer stops after its second token, and nothing more is ever written."""
    eventually(lambda: open_answers(server) == 0, "the place to be free")
    server.tell(hold_after=2)
    yield
    eventually(lambda: server.running() == 0, "the fake worker to be free")
    server.tell(hold_after=None)
    eventually(lambda: open_answers(server) == 0, "the place of who has left")
    with RawClient(server.port) as client:
        client.post(CHAT, COUNT)
        assert client.answer().status == 200


def test_a_streaming_client_that_closes_frees_its_place(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(CHAT, {**COUNT, "stream": True})
        client.read_until(b'" 2"')
        assert server.running() == 1
    eventually(lambda: server.running() == 0, "the cancel")


def test_a_waiting_client_that_closes_frees_its_place(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(CHAT, COUNT)
        eventually(lambda: server.running() == 1, "the answer to begin")
    eventually(lambda: server.running() == 0, "the cancel")


def test_a_client_that_resets_its_connection_is_noticed_too(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(CHAT, {**COUNT, "stream": True})
        client.read_until(b'" 2"')
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    eventually(lambda: server.running() == 0, "the cancel")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "org/embedder", "input": "a text"}),
        ("/v1/rerank", {"model": "org/reranker", "query": "a", "documents": ["b"]}),
    ],
)
def test_who_waits_for_vectors_or_scores_frees_its_place_too(
    server: Server, path: str, body: dict[str, object]
) -> None:
    server.tell(hold_vectors=True)
    with RawClient(server.port) as client:
        client.post(path, body)
        eventually(lambda: server.running() == 1, "the question to be asked")
    eventually(lambda: server.running() == 0, "the cancel")
    server.tell(hold_vectors=False)


def test_bytes_sent_ahead_do_not_hide_the_hang_up(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(CHAT, {**COUNT, "stream": True})
        client.read_until(b'" 2"')
        client.send(head("GET", "/health"))
    eventually(lambda: server.running() == 0, "the cancel")


def test_a_client_that_stays_is_left_alone_while_others_go(server: Server) -> None:
    with RawClient(server.port) as client:
        client.post(CHAT, {**COUNT, "stream": True})
        client.read_until(b'" 2"')
        for _ in range(5):
            with RawClient(server.port) as passing:
                passing.send(head("GET", "/health"))
                assert passing.answer().status == 200
        assert server.running() == 1
        server.tell(hold_after=None)
        client.read_until(b"data: [DONE]\n\n")
