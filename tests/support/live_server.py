"""One server for one test: ready when the test gets it, and gone, with all its processes, when the test is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.memory import memory_probe_for, process_memory_for
from tests.support.live_cli import PROGRAM, LiveHouse
from tests.support.processes import descendants

START_SECONDS = 600.0
END_SECONDS = 45.0
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ServerEnd:
    """seconds: from SIGTERM to the end of the last process. held_bytes: what its processes had in memory at SIGTERM,
    left_bytes: what they have now. free_bytes: of the machine, then and now, where it tells; others change it too.
    """

    exit_code: int
    seconds: float
    held_bytes: int
    left_bytes: int
    free_bytes: tuple[int | None, int | None]


class LiveServer:
    """url: without a trailing slash. ended: what its end was like, once the block is left."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log
        self.url = ""
        self.ended: ServerEnd | None = None

    def processes(self) -> list[int]:
        """Its own and all below it."""
        return [self.process.pid, *descendants(self.process.pid)]

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        return self._answer(urllib.request.Request(f"{self.url}{path}"))  # noqa: S310 - our own server

    def text(self, path: str) -> str:
        """What is no JSON."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=START_SECONDS) as answer:  # noqa: S310
            told: bytes = answer.read()
        return told.decode()

    def post(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        data, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
        return self._answer(urllib.request.Request(f"{self.url}{path}", data, kind))  # noqa: S310 - our own server

    def events(self, path: str, **body: Any) -> Iterator[dict[str, Any]]:
        """The data of a stream's events, up to [DONE]. Comments are left out."""
        data, kind = json.dumps({**body, "stream": True}).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data, kind)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:  # noqa: S310
            for line in answer:
                if line.startswith(b"data: ") and line.strip() != b"data: [DONE]":
                    yield json.loads(line.removeprefix(b"data: "))

    def _answer(self, request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read())

    def wait_until_ready(self) -> None:
        """Its URL is read from what it announces, then /ready is asked until it says yes."""
        self.url = str(self._announced()["data"]["url"])
        deadline = time.monotonic() + START_SECONDS
        while self.get("/ready")[0] != 200:
            assert self.process.poll() is None, self._failed("ended before it was ready")
            assert time.monotonic() < deadline, self._failed(f"was not ready within {START_SECONDS:g} s")
            time.sleep(PAUSE_SECONDS)

    def _announced(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            if line.rstrip() == "}":
                found: dict[str, Any] = json.loads(said)
                if found["status"] == "success":
                    return found
                break
        raise AssertionError(self._failed(f"did not start: {said}"))

    def _failed(self, words: str) -> str:
        return f"the server {words}\n{self.log.read_text(encoding='utf-8', errors='replace')}"


@contextmanager
def live_server(house: LiveHouse, *words: str, **environ: str) -> Iterator[LiveServer]:
    """`mlxk serve` on a free port. words: further options. Leaving the block raises AssertionError when a process is
    left after END_SECONDS; those are killed then.
    """
    log = house.home / "server.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "serve", "--port", "0", "--json", *words],
            cwd=house.home, env={**house.environ, **environ}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=errors, text=True, start_new_session=True,
        )  # fmt: skip
    server = LiveServer(process, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        with process:
            server.ended = end(server)


def end(server: LiveServer) -> ServerEnd:
    """SIGTERM, and the end of every process awaited."""
    ours = server.processes()
    held, free = _held_bytes(ours), _free_bytes()
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    left = await_end(server.process, ours, begun + END_SECONDS)
    seconds = time.monotonic() - begun
    for each in left:
        os.kill(each, signal.SIGKILL)
    code = server.process.wait(END_SECONDS)
    assert not left, f"{len(left)} processes of the server did not end within {END_SECONDS:g} s of SIGTERM: {left}"
    ended = ServerEnd(code, seconds, held, _held_bytes(ours), (free, _free_bytes()))
    assert ended.left_bytes == 0, f"its processes still hold memory: {ended}"
    return ended


def await_end(process: subprocess.Popen[str], ours: Iterable[int], deadline: float) -> list[int]:
    """Those that still run at the deadline. A process that has ended and is not collected yet does not run."""
    left = list(ours)
    while left and time.monotonic() < deadline:
        process.poll()
        running = _running(left)
        left = [each for each in left if each in running]
        if left:
            time.sleep(PAUSE_SECONDS)
    return left


def _running(processes: list[int]) -> set[int]:
    listing = subprocess.run(
        ["ps", "-o", "pid=,stat=", "-p", ",".join(map(str, processes))], capture_output=True, text=True, check=False
    )
    rows = (line.split() for line in listing.stdout.splitlines())
    return {int(number) for number, state in rows if not state.startswith("Z")}


def _free_bytes() -> int | None:
    memory = memory_probe_for(sys.platform).read()
    return None if memory is None else memory.available_bytes


def _held_bytes(processes: list[int]) -> int:
    return sum(process_memory_for(sys.platform).resident_bytes(processes).values())
