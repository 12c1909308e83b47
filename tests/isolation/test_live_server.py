"""The server of a live test: started, ready, and gone with all its processes; and what happens when it does not go."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import live_server as context
from tests.support.eventually import eventually
from tests.support.live_cli import LiveHouse
from tests.support.live_server import LiveServer, await_end, end, live_server


@pytest.fixture
def house(tmp_path: Path) -> LiveHouse:
    return LiveHouse(tmp_path, tmp_path / "hf")


def test_it_is_ready_inside_and_gone_outside(house: LiveHouse) -> None:
    with live_server(house, "--model", "demo") as server:
        assert server.get("/ready")[0] == 200
        ours = server.processes()
        status, answer = server.post("/v1/chat/completions", model="demo", max_tokens=1, messages=[])
        assert (status, answer["error"]["type"]) == (400, "validation_error"), "refusals are answers too"
    assert server.ended is not None
    assert (server.ended.exit_code, server.ended.left_bytes) == (0, 0)
    assert server.ended.held_bytes > 0
    assert await_end(server.process, ours, time.monotonic()) == ours, "a deadline that is over asks for nothing"
    assert await_end(server.process, ours, time.monotonic() + 5) == []


def test_it_ends_also_when_the_test_fails(house: LiveHouse) -> None:
    with pytest.raises(ZeroDivisionError), live_server(house) as server:
        raise ZeroDivisionError
    assert server.ended is not None
    assert server.process.returncode == 0


def test_one_that_does_not_start_says_why(house: LiveHouse) -> None:
    with pytest.raises(AssertionError, match="did not start"), live_server(house, "--model", "no/such"):
        pass


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
print(child, flush=True)
signal.pause()
"""


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[LiveServer]:
    """A process with a child, both deaf to SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield LiveServer(process, tmp_path / "log")
        if process.poll() is None:
            process.kill()


def test_processes_that_do_not_end_fail_the_test_and_are_killed_and_no_other(
    stubborn: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "END_SECONDS", 0.3)
    bystander = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    ours = stubborn.processes()
    assert len(ours) == 2
    with pytest.raises(AssertionError, match=r"2 processes of the server did not end within 0\.3 s"):
        end(stubborn)
    assert stubborn.process.returncode == -signal.SIGKILL
    monkeypatch.undo()
    eventually(lambda: await_end(stubborn.process, ours, time.monotonic() + 1) == [], "both are gone")
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
