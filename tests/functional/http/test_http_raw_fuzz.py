"""Bytes that no client would send: each connection ends in an answer below 500 or a close, and the server lives on."""

from __future__ import annotations

import contextlib
import random
import re
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.support.http_server import Server, started
from tests.support.raw_http import RawClient, head

CHAT = b"/v1/chat/completions"
BODY = b'{"model":"demo","messages":[{"role":"user","content":"hi"}]}'
# A half-sent request is given up long before a test's own patience ends, which is how a hang would show.
PATIENCE = {"silence_seconds": 0.3, "request_seconds": 1.0, "threads": 64, "slow_clients": 24}
HANG_SECONDS = 20.0
UNKNOWN_CODING = 501  # what HTTP wants said of a transfer coding that nobody knows
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
TLS_HELLO = bytes.fromhex("16030100750100007103034a6f") + bytes(range(100))
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
ODD_BYTES = b"\x00\r\n\t :;,/\\\x7f\x80\xff%\"'=?#[]{}"

Make = Callable[[random.Random], bytes]


def junk(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 300))


def request_line(chance: random.Random) -> bytes:
    method = chance.choice([b"GET", b"POST", b"get", b"G\x00T", b"", b"CONNECT", b"TRACE", b"A" * 400, b"OPTIONS"])
    target = chance.choice(
        [
            b"/health",
            b"*",
            b"",
            b"//",
            b"/%00",
            b"/..%2f..%2fetc/passwd",
            b"http://localhost/health",
            b"http://[::1",
            b"/\xff\xfe",
            b"/" + b"x" * 5000,
            b"localhost:80",
            b"/a b",
            b"?",
            b"/%zz",
        ]
    )
    version = chance.choice(
        [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/", b"", b"http/1.1", b"HTTP/1.1 "]
    )
    ending = chance.choice([b"\r\n", b"\n", b"\r", b"\r\n\r\n"])
    return method + b" " + target + b" " + version + ending + b"Host: localhost\r\n\r\n"


def headers(chance: random.Random) -> bytes:
    odd = [
        b"X: " + b"y" * 9000,
        b"X" * 9000 + b": y",
        b": empty",
        b"No colon",
        b"Sp ace: x",
        b"X : y",
        b" folded: x",
        b"X:\x00",
        b"Content-Length: -1",
        b"Content-Length: 1e3",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: \xb2",
        b"Content-Length: +1",
        b"Content-Length: 0x10",
        b"Expect: nonsense",
        b"Expect: 100-continue",
        b"Host: a, b",
        b"Host: \xff",
        b"Host: localhost",
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b"X_Under: 1",
        b"Script-Name: /v1",
        b"SCRIPT_NAME: /v1",
        b"Connection: close, keep-alive",
        b"X-Forwarded-Host: evil",
        b"Authorization: Bearer \xff\x00",
        b"Origin: \xfe",
        b"Authorization: mlxk \xff:\xff",
        b"Cookie: " + b"a=b;" * 1500,
        b"X-Request-ID: a\xffb",
        b"Accept-Encoding: \x1f",
        b"Content-Type: application/json; charset=\xff",
        b'If-None-Match: "',
        b"Range: bytes=9-1",
        b"Transfer-Encoding: \x0bchunked",
    ]
    chosen = chance.sample(odd, chance.randrange(1, 4)) * chance.choice([1, 1, 1, 60])
    lines = [
        chance.choice([b"GET /health HTTP/1.1", b"POST " + CHAT + b" HTTP/1.1", b"HEAD /ready HTTP/1.0"]),
        b"Host: localhost",
    ]
    return b"\r\n".join([*lines, *chosen, b"", b""]) + chance.choice([b"", BODY])


def chunks(chance: random.Random) -> bytes:
    size = chance.choice(
        [
            b"%x" % len(BODY),
            b"zz",
            b"-1",
            b"",
            b"ffffffffffffffffffff",
            b"0x3",
            b"3;a=b",
            b'3;a="',
            b"3" * 9000,
            b" 3",
            b"3 ",
            b"3\r",
            b"0",
        ]
    )
    end = chance.choice(
        [
            b"\r\n0\r\n\r\n",
            b"0\r\n\r\n",
            b"\r\n",
            b"\n0\n\n",
            b"\r\n0\r\nHost: evil\r\n\r\n",
            b"\r\n0\r\nX: " + b"y" * 9000,
            b"",
        ]
    )
    kind = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return b"POST " + CHAT + b" HTTP/1.1\r\nHost: localhost\r\n" + kind + size + b"\r\n" + BODY + end


HIDDEN = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLERS = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 5\r\nContent-Length: 5",
    b"Content-Length: 5, 5",
    b"Content-Length: 5\r\n Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, gzip",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer_Encoding: chunked",
]


def smuggling(chance: random.Random) -> bytes:
    """A second request within what some would take for the first one's body."""
    first = b"POST " + CHAT + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return first + chance.choice(SMUGGLERS) + b"\r\n\r\n0\r\n\r\n" + HIDDEN


def pipelined(chance: random.Random) -> bytes:
    return HIDDEN * chance.randrange(1, 20) + chance.choice(KINDS[:5])(chance)


def foreign(chance: random.Random) -> bytes:
    return chance.choice(
        [
            TLS_HELLO,
            HTTP2_PREFACE,
            b"\x00" * 100,
            b"SSH-2.0-x\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"\r\n" * 50,
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        ]
    )


def mutated(chance: random.Random) -> bytes:
    """A good request with some bytes changed, left out or put in."""
    raw = bytearray(
        b"POST "
        + CHAT
        + b" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        + BODY
    )
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(raw))
        raw[at : at + chance.randrange(3)] = bytes(chance.choices(ODD_BYTES, k=chance.randrange(3)))
    return bytes(raw)


KINDS: list[Make] = [junk, request_line, headers, chunks, smuggling, foreign, mutated, pipelined]


def ending(port: int, raw: bytes, chance: random.Random) -> bytes:
    """All that the server says to these bytes before it closes. They go in two pieces; our side is closed at once, or
    only when the server has said something, which a request that is not whole makes it do by giving up.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) as connection:
        said = b""
        with contextlib.suppress(ConnectionError):
            cut = chance.randrange(len(raw) + 1)
            for piece in (raw[:cut], raw[cut:]):
                connection.sendall(piece)
            half_closed = chance.random() < 0.7
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
            gone_early = chance.random() < 0.05
            while not gone_early and (piece := connection.recv(65536)):
                said += piece
                if not half_closed:
                    connection.shutdown(socket.SHUT_WR)
                    half_closed = True
    return said


def survives(server: Server, rounds: int, seed: int) -> None:
    statuses: set[int] = set()
    for number in range(rounds):
        chance = random.Random(f"{seed} {number}")  # noqa: S311
        make = KINDS[number % len(KINDS)]
        raw = make(chance)
        said = ending(server.port, raw, chance)
        answered = [int(each) for each in STATUS_LINE.findall(said)]
        statuses.update(answered)
        assert make is not smuggling or 200 not in answered, (seed, number, raw, said)
        assert all(status < 500 or status == UNKNOWN_CODING for status in answered), (seed, number, raw, said)
    assert {200, 400, 403, 408, 431} <= statuses, "it meets what it should"
    with RawClient(server.port) as client:
        client.send(head("GET", "/health"))
        assert client.answer().status == 200


@pytest.fixture
def server() -> Iterator[Server]:
    with started(preload_model="demo", limits=PATIENCE, access_log=False) as running:
        yield running
        running.process.terminate()
        _, log = running.end()
        assert "Traceback" not in log


def test_odd_bytes_end_in_an_answer_or_a_close(server: Server) -> None:
    survives(server, 400, seed=1)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_odd_bytes_end_in_an_answer_or_a_close(server: Server, seed: int) -> None:
    survives(server, 3000, seed)
