"""Whoever listens on the port of an entry: only the server of that entry gets to see a prompt, and nobody is waited
for long.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.server_client.entries import ServerFolder
from adapters.server_client.servers import INTRODUCTION, FoundServers
from domain.errors import EngineDied, InternalError, MlxkError, ServerShutdown
from domain.inference import GenerationRequest, Message, Role, TextDelta
from domain.serving.server_instance import ServerInstance
from ports.running_servers import ServerEntry

INSTANCE = ServerInstance("ours")
IDENTITY = "/models/demo"
PROMPT = "a secret question"
REQUEST = GenerationRequest((Message(Role.USER, PROMPT),))
Reply = Callable[[bytes, int], bytes]


def body(told: object, status: str = "200 OK") -> bytes:
    payload = told if isinstance(told, bytes) else json.dumps(told).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload


def introduction(head: bytes, port: int, instance: ServerInstance = INSTANCE) -> bytes:
    """What the true server says."""
    challenge = head.split(b" ")[1].decode().removeprefix(INTRODUCTION)
    models = [{"name": "demo", "load": INSTANCE.load_token(IDENTITY)}]
    return body({"proof": instance.proof(challenge, port), "models": models})


class Listener:
    """Answers each request head on each connection with `reply`; an empty reply says nothing and keeps the line open.
    heard: everything it was sent.
    """

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.heard = b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.lines: list[socket.socket] = []
        self.threads = [threading.Thread(target=self._listen, daemon=True)]
        self.threads[0].start()

    def close(self) -> None:
        for each in (self.socket, *self.lines):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        for each in (self.socket, *self.lines):
            each.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.socket.accept()
                self.lines.append(line)
                self.threads.append(threading.Thread(target=self._serve, args=(line,), daemon=True))
                self.threads[-1].start()

    def _serve(self, line: socket.socket) -> None:
        seen = b""
        with suppress(OSError):
            while piece := line.recv(65536):
                self.heard += piece
                seen += piece
                while b"\r\n\r\n" in seen:
                    head, seen = seen.split(b"\r\n\r\n", 1)
                    said = self.reply(head, self.port)
                    line.sendall(said)
                    if head.startswith(b"POST"):
                        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def listening(reply: Reply) -> Iterator[Listener]:
    listener = Listener(reply)
    try:
        yield listener
    finally:
        listener.close()


def enter(home: Path, port: int, version: str = "1") -> None:
    ServerFolder(home).enter(ServerEntry(os.getpid(), "127.0.0.1", port, version, 1.0, INSTANCE))


def entries(home: Path) -> int:
    return len(ServerFolder(home).entries())


def find(home: Path, seconds: float = 20.0) -> FoundServers:
    return FoundServers(ServerFolder(home), "1", seconds)


def test_the_server_of_the_entry_is_found_and_what_it_holds(tmp_path: Path) -> None:
    with listening(introduction) as listener:
        enter(tmp_path, listener.port)
        (server,) = find(tmp_path).reachable()
    assert server.holds(IDENTITY)
    assert not server.holds("/models/other")
    assert IDENTITY.encode() not in listener.heard
    assert INSTANCE.secret.encode() not in listener.heard


IMPOSTORS: dict[str, Reply] = {
    "another instance": lambda head, port: introduction(head, port, ServerInstance("theirs")),
    "the same proof for every challenge": lambda _, port: body({"proof": INSTANCE.proof("0" * 32, port), "models": []}),
    "a proof made for another port": lambda head, port: introduction(head, port + 1),
    "a proof that is half a character": lambda *_: body(b'{"proof": "\\ud800", "models": []}'),
}
STRANGE: dict[str, Reply] = {
    "no proof": lambda *_: body({"models": []}),
    "a proof that is no text": lambda *_: body({"proof": 3, "models": []}),
    "a list": lambda *_: body([]),
    "no JSON": lambda *_: body(b"hello"),
    "JSON without a bottom": lambda *_: body(b"[" * 60_000),
    "a page that is not there": lambda *_: body({}, "404 Not Found"),
    "a busy moment": lambda *_: body({"error": {"code": "server_busy", "message": "busy"}}, "503 Service Unavailable"),
    "a proof without models": lambda head, port: body(
        {"proof": INSTANCE.proof(head.split(b" ")[1].decode().removeprefix(INTRODUCTION), port)}
    ),
    "an endless body": lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    "no length": lambda *_: b"HTTP/1.1 200 OK\r\n\r\n",
    "a length that is none": lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "endless headers": lambda *_: b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
    "another protocol": lambda *_: b"220 mail.example ESMTP\r\n\r\n",
    "one word": lambda *_: b"hello\r\n\r\n",
}


@pytest.mark.parametrize("reply", IMPOSTORS.values(), ids=IMPOSTORS)
def test_who_proves_to_be_another_is_not_used_and_the_entry_is_swept(tmp_path: Path, reply: Reply) -> None:
    with listening(reply) as listener:
        enter(tmp_path, listener.port)
        assert find(tmp_path).reachable() == []
    assert entries(tmp_path) == 0


@pytest.mark.parametrize("reply", STRANGE.values(), ids=STRANGE)
def test_an_answer_that_proves_nothing_is_not_used_and_a_better_one_is_taken_later(
    tmp_path: Path, reply: Reply
) -> None:
    with listening(reply) as listener:
        enter(tmp_path, listener.port)
        assert find(tmp_path).reachable() == []
        listener.reply = introduction
        assert len(find(tmp_path).reachable()) == 1


def test_a_refused_line_says_nothing_about_a_process_that_lives(tmp_path: Path) -> None:
    with listening(introduction) as listener:
        enter(tmp_path, listener.port)
    assert find(tmp_path).reachable() == []
    assert entries(tmp_path) == 1


def test_an_entry_whose_process_ends_while_it_is_asked_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(introduction) as listener:
        enter(tmp_path, listener.port)
    folder = ServerFolder(tmp_path)
    found = folder.entries()
    monkeypatch.setattr(folder, "entries", lambda: [(path, replace(each, process_id=ended())) for path, each in found])
    assert FoundServers(folder, "1", 20.0).reachable() == []
    assert list((tmp_path / "servers").iterdir()) == []


def ended() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_one_that_says_nothing_is_left_alone_and_not_waited_for(tmp_path: Path) -> None:
    with listening(lambda *_: b"") as listener:
        enter(tmp_path, listener.port)
        assert find(tmp_path, seconds=0.05).reachable() == []
        assert listener.heard.startswith(b"GET " + INTRODUCTION.encode())
    assert entries(tmp_path) == 1


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_one_that_begins_to_answer_and_stops_is_not_waited_for_either(tmp_path: Path, begun: bytes) -> None:
    with listening(lambda *_: begun) as listener:
        enter(tmp_path, listener.port)
        assert find(tmp_path, seconds=0.05).reachable() == []


def test_a_server_of_another_version_is_not_even_asked(tmp_path: Path) -> None:
    with listening(introduction) as listener:
        enter(tmp_path, listener.port, version="2")
        assert find(tmp_path).reachable() == []
    assert listener.heard == b""
    assert entries(tmp_path) == 1


def outcome(home: Path, listener: Listener, then: Reply, *, streamed: bool = True) -> MlxkError | list[object]:
    """Find the true server, let `then` take its place, and ask."""
    enter(home, listener.port)
    (server,) = find(home).reachable()
    listener.reply = then
    stream = server.ask(IDENTITY, "demo", REQUEST, streamed=streamed)
    read: list[object] = []
    try:
        read.extend(stream)
    except MlxkError as fault:
        return fault
    finally:
        stream.cancel()
    return read


def then_says(words: bytes) -> Reply:
    return lambda head, port: introduction(head, port) if head.startswith(b"GET") else words


def test_who_takes_the_place_of_a_server_that_was_found_gets_no_prompt(tmp_path: Path) -> None:
    with listening(introduction) as listener:
        fault = outcome(tmp_path, listener, IMPOSTORS["another instance"])
    assert isinstance(fault, ServerShutdown)
    assert PROMPT.encode() not in listener.heard
    assert b"POST" not in listener.heard


EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}]}\n\n'


def test_a_line_that_breaks_before_the_answer_is_a_server_that_is_gone(tmp_path: Path) -> None:
    for number, words in enumerate((b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n\r\n")):
        with listening(introduction) as listener:
            assert isinstance(outcome(tmp_path / str(number), listener, then_says(words)), ServerShutdown)


def test_a_whole_answer_that_breaks_off_is_a_server_that_is_gone(tmp_path: Path) -> None:
    with listening(introduction) as listener:
        words = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"choices'
        assert isinstance(outcome(tmp_path, listener, then_says(words), streamed=False), ServerShutdown)


def test_a_stream_that_breaks_under_the_answer_is_told(tmp_path: Path) -> None:
    with listening(introduction) as listener:
        enter(tmp_path, listener.port)
        (server,) = find(tmp_path).reachable()
        listener.reply = then_says(b"HTTP/1.1 200 OK\r\n\r\n" + EVENT)
        stream = server.ask(IDENTITY, "demo", REQUEST, streamed=True)
        assert next(stream) == TextDelta("a")
        with pytest.raises(EngineDied):
            next(stream)
        assert next(stream, None) is None


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 200 OK\r\n\r\ndata: {}\n\n",
        b"HTTP/1.1 200 OK\r\n\r\ndata: hello\n\n",
        b"HTTP/1.1 200 OK\r\n\r\ndata: [DONE]\n\n",
        body({"error": {"code": "brand_new", "message": "odd"}}, "400 Bad Request"),
        body(b"<html>", "502 Bad Gateway"),
    ],
)
def test_what_no_server_of_ours_says_is_a_fault(tmp_path: Path, words: bytes) -> None:
    with listening(introduction) as listener:
        assert isinstance(outcome(tmp_path, listener, then_says(words)), InternalError)


@pytest.mark.parametrize(("host", "stopping"), [("0.0.0.0", False), ("10.0.0.1", False), ("127.0.0.1", True)])  # noqa: S104
def test_no_prompt_goes_to_another_machine_nor_to_a_server_that_stops(
    tmp_path: Path, host: str, stopping: bool
) -> None:
    with listening(introduction) as listener:
        place = ServerEntry(os.getpid(), host, listener.port, "1", 1.0, INSTANCE, stopping=stopping)
        ServerFolder(tmp_path).enter(place)
        assert find(tmp_path).reachable() == []
        assert listener.heard == b""
    assert entries(tmp_path) == 1
