"""Requests that are broken, slow or sly, over real sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.http_server import Server, started
from tests.support.raw_http import SECONDS, Answer, RawClient, head

CHAT = "/v1/chat/completions"
HI = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
JSON = {"Content-Type": "application/json"}
PATIENCE = {"slow_clients": 4, "silence_seconds": 1.5, "request_seconds": 1.5}
SOON = 7.0  # far above what it takes, far below what it takes when slow clients hold the threads


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(limits={"threads": 16, "open_answers": 8, "chat_body_bytes": 100_000, **PATIENCE}) as running:
        yield running


def ask(server: Server, raw: bytes, seconds: float = SECONDS) -> Answer:
    with RawClient(server.port, seconds) as client:
        client.send(raw)
        return client.answer()


def is_envelope(answer: Answer) -> bool:
    body = answer.json()
    return bool(body["status"] == "error" and body["error"]["message"] and answer.headers["x-request-id"])


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def test_a_chunked_body_is_read(server: Server) -> None:
    payload = json.dumps(HI).encode()
    raw = head("POST", CHAT, {**JSON, "Transfer-Encoding": "chunked"}) + chunked(payload[:10], payload[10:])
    assert ask(server, raw).json()["choices"][0]["message"]["content"] == "hello there"


def test_a_chunked_body_too_large_is_refused_before_its_end(server: Server) -> None:
    with RawClient(server.port) as client:
        client.send(head("POST", CHAT, {**JSON, "Transfer-Encoding": "chunked"}))
        client.send(chunked(b"x" * 200_000)[:-5])
        answer = client.answer()
    assert answer.status == 413
    assert is_envelope(answer)


def test_a_body_announced_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    answer = ask(server, head("POST", CHAT, {**JSON, "Content-Length": 10**12}))
    assert answer.status == 413
    assert is_envelope(answer)


def test_a_body_sent_in_small_pieces_is_waited_for(server: Server) -> None:
    payload = json.dumps(HI).encode()
    with RawClient(server.port) as client:
        client.send(head("POST", CHAT, {**JSON, "Content-Length": len(payload)}))
        for at in range(0, len(payload), 7):
            client.send(payload[at : at + 7])
        assert client.answer().status == 200


def test_a_half_sent_body_is_given_up(server: Server) -> None:
    answer = ask(server, head("POST", CHAT, {**JSON, "Content-Length": 100}) + b'{"model"')
    assert answer.status == 408
    assert is_envelope(answer)


def test_a_half_sent_head_is_given_up(server: Server) -> None:
    answer = ask(server, b"GET /health HTTP/1.1\r\nHost: x\r\n")
    assert answer.status == 408
    assert is_envelope(answer)


def test_a_head_that_trickles_has_a_deadline(server: Server) -> None:
    """Each byte comes in time, the request does not."""
    with RawClient(server.port) as client:
        client.send(b"GET /health HTTP/1.1\r\n")
        client.sock.settimeout(0.2)
        received = b""
        while not received:
            client.send(b"X")
            try:
                received = client.sock.recv(100)
            except TimeoutError:
                continue
    assert received.startswith(b"HTTP/1.1 408 ")


def test_more_half_sent_requests_than_threads_leave_health_answering(server: Server) -> None:
    with ExitStack() as held:
        for _ in range(120):
            slow = held.enter_context(RawClient(server.port))
            slow.send(head("POST", CHAT, {**JSON, "Content-Length": 100}) + b"{")
        assert ask(server, head("GET", "/health"), SOON).status == 200


def test_more_silent_connections_than_threads_leave_health_answering(server: Server) -> None:
    with ExitStack() as held:
        for _ in range(60):
            held.enter_context(RawClient(server.port))
        assert ask(server, head("GET", "/health"), SOON).status == 200


def test_clients_that_stay_after_an_error_hold_nobody_up(server: Server) -> None:
    with ExitStack() as held:
        for _ in range(12):
            rude = held.enter_context(RawClient(server.port))
            rude.send(b"nonsense\r\n\r\n")
        assert ask(server, head("GET", "/health"), SOON).status == 200


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nBad Header: x\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\n" + b"X-A: b\r\n" * 200 + b"\r\n", 431),
        (b"GET /health HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_http_gets_the_same_envelope(server: Server, raw: bytes, status: int) -> None:
    answer = ask(server, raw)
    assert answer.status == status
    assert is_envelope(answer)
    assert answer.headers["connection"] == "close"


def test_what_is_no_http_is_counted(server: Server) -> None:
    def unreadable() -> float:
        page = ask(server, head("GET", "/metrics")).body.decode()
        found = re.search(
            r'^mlxk_http_requests_total{method="other",route="unreadable",status="400"} (\d+)', page, re.M
        )
        return 0 if found is None else int(found[1])

    before = unreadable()
    ask(server, b"nonsense\r\n\r\n")
    assert unreadable() == before + 1


def test_broken_chunks_are_a_400(server: Server) -> None:
    answer = ask(server, head("POST", CHAT, {**JSON, "Transfer-Encoding": "chunked"}) + b"zz\r\n")
    assert answer.status == 400
    assert is_envelope(answer)


def test_a_connection_serves_many_requests(server: Server) -> None:
    with RawClient(server.port) as client:
        for _ in range(3):
            client.post(CHAT, HI)
            answer = client.answer()
            assert answer.status == 200
            assert answer.headers["connection"] == "keep-alive"
        client.post(CHAT, {})
        assert client.answer().status == 400
        client.post(CHAT, HI)
        assert client.answer().status == 200


def test_requests_sent_ahead_are_answered_in_order(server: Server) -> None:
    with RawClient(server.port) as client:
        client.send(head("GET", "/health") + head("GET", "/v1/models") + head("GET", "/nothing"))
        assert [client.answer().status for _ in range(3)] == [200, 200, 404]


def test_every_response_names_its_request(server: Server) -> None:
    with RawClient(server.port) as client:
        client.send(head("GET", "/health", {"X-Request-ID": "mine"}))
        assert client.answer().headers["x-request-id"] == "mine"
        client.send(head("GET", "/nothing", {"X-Request-ID": "x" * 129}))
        answer = client.answer()
    assert answer.json()["request_id"] == answer.headers["x-request-id"] != "x" * 129


def test_a_client_that_reads_nothing_does_not_slow_the_others(server: Server) -> None:
    with RawClient(server.port) as lazy:
        for _ in range(50):
            lazy.post(CHAT, {**HI, "stream": True})
        assert ask(server, head("GET", "/health")).status == 200


def test_an_http_1_0_client_gets_a_stream_that_ends_with_the_connection(server: Server) -> None:
    payload = json.dumps({**HI, "stream": True}).encode()
    raw = b"POST %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        CHAT.encode(),
        len(payload),
        payload,
    )
    with RawClient(server.port) as client:
        client.send(raw)
        assert client.rest().endswith(b"data: [DONE]\n\n")
