"""Clients that read nothing of their answers: given up after a while, and nobody else notices."""

from __future__ import annotations

import socket

from tests.support.eventually import eventually
from tests.support.http_server import started
from tests.support.raw_http import RawClient

CHAT = "/v1/chat/completions"
WORDS = 60_000  # some megabytes as events: more than the sockets' buffers hold


def asking(question: str) -> dict[str, object]:
    return {
        "model": "demo", "stream": True, "max_tokens": 2 * WORDS,
        "messages": [{"role": "user", "content": question}],
    }  # fmt: skip


def test_a_client_that_reads_nothing_is_given_up_while_others_get_their_answers() -> None:
    with started(preload_model="demo", limits={"send_seconds": 1}) as server:
        server.tell(context_length=4 * WORDS, answers={"flood": "word " * WORDS, "hi": "hello there"})
        slow = RawClient(server.port)
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.post(CHAT, asking("flood"))
        slow.read_until(b'"word"')
        eventually(lambda: server.running() == 1, "the flood to run")
        for _ in range(3):
            with RawClient(server.port) as client:
                client.post(CHAT, asking("hi"))
                client.read_until(b"data: [DONE]\n\n")
        eventually(lambda: server.running() == 0, "the slow client to be given up")
        with RawClient(server.port) as client:
            client.post(CHAT, asking("hi"))
            client.read_until(b"data: [DONE]\n\n")
        slow.sock.close()
        server.process.terminate()
        code, log = server.end()
    assert (code, "Traceback" in log) == (0, False)
