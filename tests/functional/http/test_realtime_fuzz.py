"""Bytes that no WebSocket client sends: none of them holds a session, a thread or the server."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator

import openai
import pytest

from tests.support.eventually import eventually
from tests.support.http_server import Server, started

SECONDS = 30.0
PLACES = 3
UPGRADE = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9


def frame(opcode: int, data: bytes, *, first: int = 0x80, masked: bool = True, length: int | None = None) -> bytes:
    """length: what is announced, where that is a lie."""
    size = len(data) if length is None else length
    short = size if size < 126 else 126 if size < 65_536 else 127
    head = bytes([first | opcode, (0x80 if masked else 0) | short])
    head += b"" if short < 126 else struct.pack("!H", size) if short == 126 else struct.pack("!Q", size)
    if not masked:
        return head + data
    key = b"\x11\x22\x33\x44"
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


WRONG = {
    "not masked": frame(TEXT, b"{}", masked=False),
    "reserved opcode": frame(0x3, b"x"),
    "reserved bits": frame(TEXT, b"{}", first=0xF0),
    "compressed though nobody agreed": frame(TEXT, b"\xaa\x00", first=0xC0),
    "no UTF-8": frame(TEXT, b"\xff\xfe\xfa"),
    "half a character at the end": frame(TEXT, b"\xc3"),
    "continues nothing": frame(0x0, b"x"),
    "text within a text": frame(TEXT, b"a", first=0x00) + frame(TEXT, b"b"),
    "long ping": frame(PING, b"x" * 200),
    "ping in pieces": frame(PING, b"x", first=0x00),
    "close with half a code": frame(CLOSE, b"\x03"),
    "close with no such code": frame(CLOSE, b"\x00\x01"),
    "close with wrong UTF-8": frame(CLOSE, b"\x03\xe8\xff"),
    "longer than anything": frame(TEXT, b"x" * 100, length=1 << 62),
    "longest of all": frame(TEXT, b"x" * 100, length=(1 << 64) - 1),
    "http again": UPGRADE,
    "too much text in pieces": frame(TEXT, b"x" * 60_000, first=0x00) + frame(0x0, b"x" * 60_000, first=0x00),
    "half a frame": frame(TEXT, b"x" * 100)[:50],
    "nothing": b"",
    "many pings": frame(PING, b"x") * 500 + frame(CLOSE, b"\x03\xe8"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    limits = {"realtime_sessions": PLACES, "realtime_message_bytes": 100_000, "ping_seconds": 0.3}
    with started(limits=limits) as running:
        yield running


def free(server: Server) -> bool:
    text = openai.OpenAI(api_key="x", base_url=server.url, max_retries=0).get("/metrics", cast_to=str)
    return "mlxk_realtime_sessions 0" in text.splitlines()


def sent(server: Server, data: bytes, *, waiting: bool) -> bytes:
    """What came back until the server closed. waiting: nothing is closed by the client; else it leaves at once."""
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as line:
        line.sendall(UPGRADE)
        assert b" 101 " in line.recv(4096)
        try:
            line.sendall(data)
            received = b""
            while waiting and (piece := line.recv(65_536)):
                received += piece
        except ConnectionError:
            return b""
        return received


@pytest.mark.parametrize("name", WRONG)
def test_what_no_client_sends_ends_its_session_and_nothing_else(server: Server, name: str) -> None:
    sent(server, WRONG[name], waiting=True)
    sent(server, WRONG[name], waiting=False)
    eventually(lambda: free(server), "its places are free again")


def test_random_bytes_hold_nothing(server: Server) -> None:
    draw = random.Random(7)  # noqa: S311
    for _ in range(12):
        data = bytes([0x80 | draw.randrange(16), *(draw.randrange(256) for _ in range(draw.randrange(1, 60)))])
        sent(server, data, waiting=False)
        eventually(lambda: free(server), "its place is free again")


def test_the_log_has_no_traceback_of_them() -> None:
    with started(limits={"realtime_sessions": len(WRONG), "ping_seconds": 0.3}) as server:
        for data in WRONG.values():
            sent(server, data, waiting=False)
        eventually(lambda: free(server), "all places are free again")
        server.process.terminate()
        code, log = server.end()
    assert code == 0
    assert "Traceback" not in log
