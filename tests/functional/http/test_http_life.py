"""A server's life: starting, stopping, dying, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from adapters.server_client.entries import ServerFolder
from adapters.server_client.processes import EnteredProcesses
from domain.errors import PortInUse
from entrypoints.http.listener import listen
from entrypoints.http.server import serve
from entrypoints.settings import load_settings
from ports.server_processes import ServerCondition
from tests.support.eventually import eventually
from tests.support.http_server import Server, started
from tests.support.raw_http import Answer, RawClient, head

CHAT = "/v1/chat/completions"
COUNT = {"model": "demo", "stream": True, "messages": [{"role": "user", "content": "count"}]}


def is_gone(process_id: int) -> bool:
    """Neither running nor a zombie."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


def get(port: int, path: str) -> Answer:
    with RawClient(port) as client:
        client.send(head("GET", path))
        return client.answer()


def streaming(server: Server) -> RawClient:
    """A client in the middle of an answer that waits after two tokens."""
    server.tell(hold_after=2)
    client = RawClient(server.port)
    client.post(CHAT, COUNT)
    client.read_until(b'" 2"')
    return client


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_running_answers_finish_and_leaves_nothing(number: signal.Signals) -> None:
    with started(preload_model="demo") as server:
        (child,) = server.tell(ask="state")["children"]
        with streaming(server) as client:
            server.signal(number)
            eventually(lambda: refuses(server.port), "the port to be closed")
            server.tell(hold_after=None)
            client.read_until(b"data: [DONE]\n\n")
        code, log = server.end()
    assert (code, "Traceback" in log) == (0, False)
    assert is_gone(child)
    assert is_gone(server.told["process"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["ctrl_c", "closed_terminal"])
def test_what_a_terminal_sends_to_the_whole_group_still_ends_gracefully(number: signal.Signals) -> None:
    with started(preload_model="demo") as server:
        with streaming(server) as client:
            os.killpg(server.process.pid, number)
            eventually(lambda: refuses(server.port), "the port to be closed")
            server.tell(hold_after=None)
            client.read_until(b"data: [DONE]\n\n")
        assert server.end()[0] == 0


def test_a_second_signal_ends_everything_at_once() -> None:
    with started(preload_model="demo", grace_seconds=600) as server:
        (child,) = server.tell(ask="state")["children"]
        with streaming(server) as client:
            server.signal(signal.SIGTERM)
            eventually(lambda: refuses(server.port), "the port to be closed")
            server.signal(signal.SIGINT)
            with pytest.raises((EOFError, ConnectionResetError)):
                client.read_until(b"data: [DONE]")
        code, log = server.end()
    assert (code, "Traceback" in log) == (128 + signal.SIGINT, False)
    assert is_gone(child)
    assert is_gone(server.told["process"])


def test_answers_that_outlast_the_grace_end_with_an_error() -> None:
    with started(preload_model="demo", grace_seconds=0.3) as server:
        with streaming(server) as client:
            client.sock.settimeout(5)  # the parent's own patience ends after eight
            server.signal(signal.SIGTERM)
            client.read_until(b'"type":"engine_died"')
            assert b"[DONE]" not in client.read_until(b"\r\n0\r\n\r\n")
        code, log = server.end()
    assert (code, "Traceback" in log) == (0, False)


def test_a_serving_process_that_dies_is_replaced_and_its_models_leave() -> None:
    with started(preload_model="demo") as server:
        (child,) = server.tell(ask="state")["children"]
        os.kill(server.told["process"], signal.SIGKILL)
        eventually(lambda: is_gone(child), "the model's process to leave")
        eventually(lambda: answers(server.port, "/ready"), "the next serving process")
        server.signal(signal.SIGTERM)
        code, log = server.end()
    assert code == 0
    assert "was sent SIGKILL" in log


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_serving_process_does_not_outlive_its_parent() -> None:
    with started(preload_model="demo") as server:
        (child,) = server.tell(ask="state")["children"]
        server.signal(signal.SIGKILL)
        server.process.wait()
        left = (int(server.told["process"]), int(child))
        eventually(lambda: all(is_gone(each) or is_zombie(each) for each in left), "both to leave")


def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_reason() -> None:
    with started(preload_model="org/one", wait=False) as server:
        assert server.read() == {}
        code, log = server.end()
    assert code == 1
    assert "[ERROR] cannot serve: its weights are odd" in log
    assert "Traceback" not in log
    assert "exited with code" not in log


def test_a_model_nobody_has_ends_the_server() -> None:
    with started(preload_model="no/such", wait=False) as server:
        code, log = server.end()
    assert code == 1
    assert "no model is called no/such (`mlxk list` shows them)" in log


def test_health_answers_and_the_users_commands_find_it_while_the_first_model_is_loading(tmp_path: Path) -> None:
    listener, address = listen("127.0.0.1", 0, 1)
    listener.close()
    processes = EnteredProcesses(ServerFolder(tmp_path))
    with started(preload_model="org/slow", port=address.port, wait=False, register=tmp_path) as server:
        eventually(lambda: answers(address.port, "/health"), "the server")
        starting = get(address.port, "/ready")
        assert (starting.status, starting.json()["state"]) == (503, "starting")
        eventually(lambda: bool(processes.running()), "its entry")
        (entry,) = processes.running()
        assert (entry.port, entry.signalled_id) == (address.port, server.process.pid)
        assert processes.look(entry).condition is ServerCondition.STARTING
        assert server.process.poll() is None
        open_gate(server)
        assert {"model", "running"} & {*server.read(), *server.read()} == {"model", "running"}
        assert get(address.port, "/ready").json() == {"ready": True, "state": "ready", "models": ["org/slow"]}


def test_a_stop_while_the_first_model_is_loading_is_no_failure() -> None:
    listener, address = listen("127.0.0.1", 0, 1)
    listener.close()
    with started(preload_model="org/slow", port=address.port, wait=False) as server:
        eventually(lambda: answers(address.port, "/health"), "the server")
        server.signal(signal.SIGTERM)
        code, log = server.end()
    assert (code, "[ERROR]" in log) == (0, False)


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    listener, address = listen("127.0.0.1", 0, 1)
    settings = load_settings({"port": address.port}, {"HOME": str(tmp_path)})
    with listener, pytest.raises(PortInUse, match=str(address.port)):
        serve(settings)


def open_gate(server: Server) -> None:
    assert server.process.stdin is not None
    server.process.stdin.write('{"open_gate": true}\n')
    server.process.stdin.flush()


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def answers(port: int, path: str) -> bool:
    try:
        return get(port, path).status == 200
    except (OSError, EOFError):
        return False


def is_zombie(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
