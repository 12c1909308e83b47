"""Forms over real sockets: clients that hang up, that send too much, too slowly or half of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from entrypoints.http.form import MOST_FORM_BYTES
from tests.support.eventually import eventually
from tests.support.http_server import Server, started
from tests.support.raw_http import RawClient, head

PATH = "/v1/audio/transcriptions"
SOUND = b"One line.\nAnother.\nA third."


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(preload_model="demo", limits={"open_answers": 2, "silence_seconds": 1.0}) as running:
        yield running


@pytest.fixture(autouse=True)
def gentle(server: Server) -> Iterator[None]:
    yield
    server.tell(hold_after=None)
    eventually(lambda: server.running() == 0, "the fake worker to be free")
    with RawClient(server.port) as client:
        client.send(request(SOUND))
        assert client.answer().json()["text"] == "One line. Another. A third."


def form(sound: bytes, **fields: str) -> bytes:
    field = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    parts = [field.format(name, value) for name, value in fields.items()]
    opening = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return "".join(parts).encode() + opening.encode() + sound + b"\r\n--b--\r\n"


def headed(length: int) -> bytes:
    return head("POST", PATH, {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": length})


def request(sound: bytes, **fields: str) -> bytes:
    body = form(sound, model="org/ears", **fields)
    return headed(len(body)) + body


def test_a_client_that_hangs_up_while_it_waits_frees_its_place(server: Server) -> None:
    server.tell(hold_after=2)
    with RawClient(server.port) as client:
        client.send(request(SOUND))
        eventually(lambda: server.running() == 1, "the sound to be heard")
    eventually(lambda: server.running() == 0, "the cancel")


def test_a_streaming_client_that_hangs_up_frees_its_place(server: Server) -> None:
    server.tell(hold_after=3)
    with RawClient(server.port) as client:
        client.send(request(SOUND, stream="true"))
        client.read_until(b"One line.")
        assert server.running() == 1
    eventually(lambda: server.running() == 0, "the cancel")


def test_too_much_is_refused_before_it_is_sent(server: Server) -> None:
    with RawClient(server.port) as client:
        client.send(headed(MOST_FORM_BYTES + 1))
        answer = client.answer()
    assert answer.status == 413
    assert answer.json()["error"]["param"] == "file"


def test_a_form_in_chunks_without_a_length_is_read_too(server: Server) -> None:
    body = form(SOUND, model="org/ears")
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Transfer-Encoding": "chunked"}
    with RawClient(server.port) as client:
        client.send(head("POST", PATH, headers))
        for at in range(0, len(body), 50):
            piece = body[at : at + 50]
            client.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        client.send(b"0\r\n\r\n")
        assert client.answer().json()["text"] == "One line. Another. A third."


def test_a_client_that_sends_half_of_it_and_goes_leaves_nothing_behind(server: Server) -> None:
    whole = request(SOUND * 10_000)
    with RawClient(server.port) as client:
        client.send(whole[: len(whole) // 2])


def test_a_client_that_stops_sending_is_told_so(server: Server) -> None:
    whole = request(SOUND)
    with RawClient(server.port) as client:
        client.send(whole[:-20])
        assert client.answer().status == 408


def test_a_large_sound_arrives_whole(server: Server) -> None:
    sound = b"word " * 100_000
    with RawClient(server.port) as client:
        client.send(request(sound, response_format="text"))
        assert client.answer().body.decode().split() == ["word"] * 100_000
