"""A backend over HTTP: what it is sent, what comes back, and how it can fail."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from adapters.embedding_backend.http_backend import HttpEmbeddingBackend
from domain.errors import BackendFailed, BackendTimeout

BODY = b'{"input":  "x"}'


class Heard:
    """The requests that came."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []


@contextmanager
def listening(say: Callable[[socket.socket], None]) -> Iterator[tuple[str, Heard]]:
    """A server that reads one request a connection and then says what it is told to."""
    heard = Heard()
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            while True:
                try:
                    line, _ = door.accept()
                except OSError:
                    return
                with line:
                    request = b""
                    while BODY not in request and (piece := line.recv(65536)):
                        request += piece
                    heard.requests.append(request)
                    say(line)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}", heard
        door.shutdown(socket.SHUT_RDWR)
    thread.join()


def saying(text: bytes) -> Callable[[socket.socket], None]:
    return lambda line: line.sendall(text)


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/embeddings"])
def test_the_body_goes_to_the_one_route_and_nothing_of_the_client_with_it(path: str) -> None:
    with listening(saying(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok")) as (url, heard):
        answer = HttpEmbeddingBackend(url + path).ask(BODY)
        assert (answer.status, answer.content_type, b"".join(answer.body)) == (200, "a/b", b"ok")
    (request,) = heard.requests
    assert request.startswith(b"POST /v1/embeddings HTTP/1.1\r\n")
    assert request.endswith(BODY)
    assert b"authorization" not in request.lower()
    assert b"\r\nX-Mlxk-Forwarded: 1\r\n" in request


def test_a_path_before_the_api_is_kept() -> None:
    with listening(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as (url, heard):
        b"".join(HttpEmbeddingBackend(f"{url}/models/v1").ask(BODY).body)
    assert heard.requests[0].startswith(b"POST /models/v1/embeddings ")


def test_an_error_of_its_own_is_an_answer_too_and_no_redirect_is_followed() -> None:
    text = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 4\r\n\r\ngone"
    with listening(saying(text)) as (url, heard):
        answer = HttpEmbeddingBackend(url).ask(BODY)
        assert (answer.status, b"".join(answer.body)) == (307, b"gone")
    assert len(heard.requests) == 1


def test_nobody_there_is_a_failure_that_names_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(BackendFailed, match=f"http://127.0.0.1:{port} cannot be asked"):
        HttpEmbeddingBackend(f"http://127.0.0.1:{port}").ask(BODY)


@pytest.mark.parametrize("text", [b"", b"what?\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http_is_a_failure(text: bytes) -> None:
    with listening(saying(text)) as (url, _), pytest.raises(BackendFailed):
        HttpEmbeddingBackend(url).ask(BODY)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n5\r\n",
    ],
)
def test_an_answer_that_breaks_off_is_a_failure(text: bytes) -> None:
    with listening(saying(text)) as (url, _):
        answer = HttpEmbeddingBackend(url).ask(BODY)
        with pytest.raises(BackendFailed):
            b"".join(answer.body)


def test_an_answer_that_does_not_come_is_late() -> None:
    done = threading.Event()

    def keep_waiting(_: socket.socket) -> None:
        done.wait(30)

    with listening(keep_waiting) as (url, _):
        with pytest.raises(BackendTimeout):
            HttpEmbeddingBackend(url, silence_seconds=0.05).ask(BODY)
        done.set()
