"""Running servers are looked at and stopped: the real server over fake workers, and impostors."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from adapters.server_client.entries import ServerFolder
from adapters.server_client.processes import EnteredProcesses
from application.serving import running_servers
from application.serving.running_servers import RunningServers
from domain.errors import Conflict
from domain.serving.server_instance import ServerInstance
from ports.running_servers import ServerEntry
from ports.server_processes import ServerCondition
from tests.support.eventually import eventually
from tests.support.http_server import Server, started
from tests.support.processes import descendants

SECONDS = 20.0


def servers(home: Path, patience_seconds: float = 10.0) -> RunningServers:
    return RunningServers(EnteredProcesses(ServerFolder(home), patience_seconds), time.monotonic, time.sleep)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with started(register=tmp_path) as running:
        yield running


def ask(server: Server, **fields: object) -> bytes:
    body = {"model": "demo", "messages": [{"role": "user", "content": "count"}], **fields}
    request = Request(  # noqa: S310
        f"{server.url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return bytes(answer.read())


def test_a_report_tells_what_a_server_is_doing(server: Server, tmp_path: Path) -> None:
    ask(server)
    server.tell(hold_after=1)
    asking = threading.Thread(target=ask, args=(server,), kwargs={"stream": True})
    asking.start()
    eventually(lambda: server.running() == 1, "the request is being answered")
    (report,) = servers(tmp_path).reports()
    assert (report.condition, report.requests) == (ServerCondition.READY, 1)
    assert [(each.name, each.need_bytes) for each in report.models] == [("mlxk/demo", 1_000_000)]
    assert (report.entry.port, report.entry.signalled_id) == (server.port, server.process.pid)
    server.tell(hold_after=None)
    asking.join(SECONDS)


def test_stopping_waits_for_running_answers_and_the_server_stays_in_sight(server: Server, tmp_path: Path) -> None:
    server.tell(hold_after=1)
    answers: list[bytes] = []
    asking = threading.Thread(target=lambda: answers.append(ask(server)))
    asking.start()
    eventually(lambda: server.running() == 1, "the request is being answered")
    (entry,) = servers(tmp_path).chosen(None, every=False)
    with pytest.raises(Conflict, match="has not ended within 0 s"):
        servers(tmp_path).stop(entry, patience_seconds=0.0, force=False)
    eventually(lambda: servers(tmp_path).reports()[0].condition is ServerCondition.STOPPING, "it says so")
    server.tell(hold_after=None)
    asking.join(SECONDS)
    assert b"20" in answers[0]
    assert server.end()[0] == 0
    assert servers(tmp_path).reports() == ()


def test_force_ends_running_answers(server: Server, tmp_path: Path) -> None:
    server.tell(hold_after=1)
    heard: list[bytes] = []

    def be_cut_off() -> None:
        body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "count"}]})
        with socket.create_connection(("127.0.0.1", server.port), SECONDS) as line, line.makefile("rb") as answer:
            head = f"POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            line.sendall(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
            heard.append(answer.read())

    asking = threading.Thread(target=be_cut_off)
    asking.start()
    eventually(lambda: server.running() == 1, "the request is being answered")
    (entry,) = servers(tmp_path).chosen(None, every=False)
    stopped = servers(tmp_path).stop(entry, patience_seconds=0.0, force=True)
    assert not stopped.killed
    assert server.process.wait(SECONDS) == 143
    asking.join(SECONDS)
    assert b"200 OK" not in heard[0]


def test_a_server_that_does_not_react_is_killed_with_all_it_has(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_servers, "QUICK_SECONDS", 0.2)
    below = descendants(server.process.pid)
    (entry,) = servers(tmp_path).chosen(None, every=False)
    for process in (entry.signalled_id, entry.process_id):
        os.kill(process, signal.SIGSTOP)
    assert servers(tmp_path, 0.2).reports()[0].condition is ServerCondition.SILENT
    stopped = servers(tmp_path, 0.2).stop(entry, patience_seconds=0.0, force=True)
    assert stopped.killed
    assert server.process.wait(SECONDS) == -signal.SIGKILL
    assert below
    eventually(lambda: servers(tmp_path).reports() == (), "nothing is left of it")


def test_a_stranger_with_the_number_of_a_server_is_left_alone(tmp_path: Path) -> None:
    """As after a crash, or a restart of the machine."""
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as stranger:
        ServerFolder(tmp_path).enter(
            ServerEntry(stranger.pid, "127.0.0.1", 9, "1", 1.0, ServerInstance("s"), stranger.pid)
        )
        (path,) = (tmp_path / "servers").iterdir()
        body = json.loads(path.read_text())
        path.write_text(json.dumps({**body, "born": ["an earlier one", "an earlier one"]}))
        (_, entry) = ServerFolder(tmp_path).entries()[0]
        processes = EnteredProcesses(ServerFolder(tmp_path))
        processes.terminate(entry)
        processes.kill(entry)
        assert processes.gone(entry)
        assert processes.running() == []
        assert list((tmp_path / "servers").iterdir()) == []
        assert stranger.poll() is None
        stranger.kill()


def test_another_program_on_the_port_is_told_of_and_nobody_is_stopped(server: Server, tmp_path: Path) -> None:
    (entry,) = servers(tmp_path).chosen(None, every=False)
    taken = replace(entry, instance=ServerInstance("another secret"), born=entry.born)
    with pytest.raises(Conflict, match="another program answers"):
        servers(tmp_path).stop(taken, patience_seconds=0.0, force=True)
    assert server.process.poll() is None
    assert server.tell(ask="state")["running"] == 0


def test_a_server_that_others_can_reach_is_asked_for_no_proof(server: Server, tmp_path: Path) -> None:
    (entry,) = servers(tmp_path).chosen(None, every=False)
    open_to_all = replace(entry, host="0.0.0.0", born=entry.born)  # noqa: S104
    report = EnteredProcesses(ServerFolder(tmp_path), 10.0).look(open_to_all)
    assert (report.condition, report.requests) == (ServerCondition.READY, None)
    assert [(each.name, each.need_bytes) for each in report.models] == []


def test_a_service_manager_hears_when_it_is_ready_and_when_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(SECONDS)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with started() as server:
            assert manager.recv(100) == b"READY=1"
            server.signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            assert server.end()[0] == 0


def test_a_service_manager_that_has_gone_keeps_no_server_from_serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with started() as server:
        assert b"20" in ask(server)
        server.signal(signal.SIGTERM)
        code, log = server.end()
    assert (code, "was not told READY=1" in log) == (0, True)
