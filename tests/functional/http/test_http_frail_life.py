"""The real server over a real model: stopping while it answers, and a disk that is full."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import pytest

from scripts.train_demo.conversations import PAIRS
from tests.functional.http.test_http_life import is_gone, refuses
from tests.support.eventually import eventually
from tests.support.frail_server import CHAT, FrailServer, frail
from tests.support.loop_disk import loop_disk
from tests.support.raw_http import RawClient

ENDLESS = {
    "model": "demo", "stream": True, "temperature": 2, "top_p": 1, "seed": 1, "max_tokens": 1900,
    "messages": [{"role": "user", "content": "Tell me"}], "mlxk": {"ignore_stops": True},
}  # fmt: skip


def begun(server: FrailServer, max_tokens: int) -> RawClient:
    """A client that has seen the first words of its answer."""
    client = RawClient(server.port)
    client.post(CHAT, {**ENDLESS, "max_tokens": max_tokens})
    client.read_until(b'"delta":{"content":"')
    return client


def test_a_server_that_is_told_to_stop_lets_its_model_finish_and_leaves_nothing(tmp_path: Path) -> None:
    with frail(tmp_path, preload_model="demo") as server:
        below = server.workers()
        with begun(server, max_tokens=200) as client:
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: refuses(server.port), "the port to be closed")
            client.read_until(b"data: [DONE]\n\n")
        code, log = server.end()
    assert (code, "Traceback" in log) == (0, False)
    assert all(is_gone(each) for each in (*below, server.serving))


@pytest.mark.nightly
def test_a_second_signal_does_not_wait_for_the_model(tmp_path: Path) -> None:
    with frail(tmp_path, preload_model="demo", grace_seconds=600) as server:
        below = server.workers()
        with begun(server, max_tokens=1900) as client:
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: refuses(server.port), "the port to be closed")
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises((EOFError, ConnectionResetError)):
                client.read_until(b"data: [DONE]\n\n")
        code, log = server.end()
    assert (code, "Traceback" in log) == (128 + signal.SIGTERM, False)
    assert all(is_gone(each) for each in (*below, server.serving))


def test_a_full_disk_is_told_once_and_answers_go_on(tmp_path: Path) -> None:
    with loop_disk("ext4", tmp_path) as disk:
        environ = {"MLXK_CACHE_DIR": str(disk / "prompts"), "MLXK_CACHE_DISK": "64MB"}
        with frail(tmp_path, environ=environ, preload_model="demo") as server:
            fill(disk / "filler")
            for question, answer in PAIRS[:4]:
                body = {"model": "demo", "temperature": 0, "messages": [{"role": "user", "content": question}]}
                assert server.post(body).json()["choices"][0]["message"]["content"] == answer
            server.process.terminate()
            code, log = server.end()
    assert code == 0
    assert log.count("No space left on device") == 1, log


def fill(file: Path) -> None:
    """To the last byte."""
    with file.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    stream.write(bytes(size))
