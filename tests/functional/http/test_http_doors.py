"""The doors of the real server: half-sent requests, keys, hosts, and what its log says of all that."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.http_server import Server, started
from tests.support.raw_http import Answer, RawClient, head

CHAT = "/v1/chat/completions"
HI = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}
JSON = {"Content-Type": "application/json"}
KEY = "the-key-of-this-test"
# Fewer threads than clients, and so patient that nothing is given up while the test lasts.
PATIENT = {"threads": 128, "open_answers": 64, "slow_clients": 32, "silence_seconds": 120, "request_seconds": 120}

SOON = 10.0  # far above what it takes, far below what it takes when half-sent requests hold the threads


def ask(port: int, raw: bytes) -> Answer:
    with RawClient(port) as client:
        client.send(raw)
        return client.answer()


def is_hanging(client: RawClient) -> bool:
    """Neither answered nor closed."""
    client.sock.settimeout(0)
    with contextlib.suppress(ConnectionError):
        try:
            client.sock.recv(1)
        except BlockingIOError:
            return True
    return False


def test_512_half_sent_requests_do_not_delay_health() -> None:
    halves = (
        head("POST", CHAT, {**JSON, "Content-Length": 100}) + b'{"model"',
        b"GET /v1/models HTTP/1.1\r\nHost: loc",
    )
    with started(limits=PATIENT) as server, ExitStack() as held:
        slow = [held.enter_context(RawClient(server.port)) for _ in range(512)]
        for number, client in enumerate(slow):
            client.send(halves[number % 2])
        answer = ask(server.port, head("GET", "/health"))
        assert answer.status == 200
        assert any(is_hanging(client) for client in slow), "the answer came while they hang"
        assert ask(server.port, head("GET", "/v1/models")).status == 200


@pytest.mark.parametrize("path", [CHAT, "/nothing"])
def test_512_refused_requests_whose_bodies_never_come_do_not_delay_health(path: str) -> None:
    """Their answers are sent; what is waited for is the rest of what they announced."""
    with started(limits=PATIENT, api_key=KEY) as server, ExitStack() as held:
        for _ in range(512):
            client = held.enter_context(RawClient(server.port))
            client.send(head("POST", path, {**JSON, "Content-Length": 100}) + b"{")
        with RawClient(server.port, SOON) as client:
            client.send(head("GET", "/health"))
            assert client.answer().status == 200


@pytest.fixture(scope="module")
def keyed() -> Iterator[Server]:
    with started(preload_model="demo", api_key=KEY, log_json=True) as server:
        yield server


def test_a_body_is_not_waited_for_when_the_key_is_missing(keyed: Server) -> None:
    with RawClient(keyed.port) as client:
        client.send(head("POST", CHAT, {**JSON, "Content-Length": 100_000}))
        answer = client.answer()
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_request_of_http_1_1_names_its_host(keyed: Server) -> None:
    assert ask(keyed.port, b"GET /health HTTP/1.1\r\n\r\n").status == 400
    assert ask(keyed.port, b"GET /health HTTP/1.0\r\n\r\n").status == 200


def test_a_request_as_proxies_get_it_is_judged_by_its_address() -> None:
    with started() as server:
        for target, host, status in (
            ("http://localhost/health", "localhost", 200),
            ("http://evil.example/health", "localhost", 403),
            ("http://localhost/health", "evil.example", 403),
        ):
            raw = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            assert (target, host, ask(server.port, raw).status) == (target, host, status)


def logged(log: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.splitlines()]


def test_the_log_has_one_json_line_for_each_request_and_never_a_key() -> None:
    secret = {"Authorization": f"Bearer {KEY}"}
    with started(preload_model="demo", api_key=KEY, log_json=True) as server:
        payload = json.dumps({**HI, "stream": True}).encode()
        request = head("POST", CHAT, {**JSON, **secret, "Content-Length": len(payload), "X-Request-ID": "streamed"})
        with RawClient(server.port) as client:
            client.send(request + payload)
            body = client.read_until(b"\r\n0\r\n\r\n")
        ask(server.port, head("GET", f"/v1/models?api_key={KEY}", {"X-Request-ID": "refused"}))
        ask(server.port, head("GET", f"/{KEY}", {**secret, "X-Request-ID": "odd"}))
        ask(server.port, b"nonsense\r\n\r\n")
        ask(server.port, head("GET", "/health"))
        server.process.terminate()
        _, log = server.end()
    assert KEY not in log
    lines = logged(log)
    access = {str(line["request_id"]): line for line in lines if line["logger"] == "mlxk.access"}
    assert len(access) == 5
    streamed = access["streamed"]
    assert (streamed["method"], streamed["path"], streamed["status"], streamed["model"]) == (
        "POST",
        CHAT,
        200,
        "mlxk/demo",
    )
    assert 0 < int(str(streamed["bytes"])) < len(body)
    assert float(str(streamed["ms"])) > 0
    assert (access["refused"]["status"], access["refused"]["path"], access["refused"]["level"]) == (
        401,
        "/v1/models",
        "INFO",
    )
    assert access["odd"]["path"] == "/***"
    assert [line["level"] for line in access.values() if line["path"] == "/health"] == ["DEBUG"]
    assert [line["status"] for line in access.values() if line["method"] == "-"] == [400]


def test_an_answer_cut_short_is_logged_as_such() -> None:
    with started(preload_model="demo", log_json=True, limits={"send_seconds": 1}) as server:
        server.tell(hold_after=2)
        with RawClient(server.port) as client:
            client.post(CHAT, {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "count"}]})
            client.read_until(b'" 2"')
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
        server.tell(hold_after=None)
        server.process.terminate()
        _, log = server.end()
    (line,) = (line for line in logged(log) if line["logger"] == "mlxk.access")
    assert (line["path"], line["cut"]) == (CHAT, True)


def test_the_access_log_can_be_left_out() -> None:
    with started(access_log=False) as server:
        ask(server.port, head("GET", "/v1/models"))
        ask(server.port, b"nonsense\r\n\r\n")
        server.process.terminate()
        _, log = server.end()
    assert "GET" not in log
    assert " 400, " not in log


def test_the_largest_body_is_the_owners_choice(tmp_path: Path) -> None:
    with started(max_body="2KB") as server:
        assert ask(server.port, head("POST", CHAT, {**JSON, "Content-Length": 2_100})).status == 413


def test_a_log_that_nobody_reads_holds_neither_requests_nor_the_end_up() -> None:
    """Far more lines than a pipe holds, and a test that reads none of them until the end."""
    with started() as server:
        with RawClient(server.port) as client:
            for _ in range(600):
                client.send(head("GET", "/" + "x" * 199))
                assert client.answer().status == 404
        server.process.terminate()
        assert server.process.wait(20) == 0
        log = server.end()[1]
    assert 0 < log.count("x" * 199) <= 600
