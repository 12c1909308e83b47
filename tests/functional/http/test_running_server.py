"""A command finds the server of its user and has it answer: real processes, real MLX, the built-in model."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from application.inference.find_server import ServedChat
from container import Container
from domain.inference import (
    DefaultLength,
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
)
from entrypoints.settings import load_settings
from scripts.train_demo.conversations import PAIRS
from tests.support.eventually import eventually
from tests.support.processes import descendants, workers

ROOT = Path(__file__).resolve().parents[3]
QUESTION = "Who are you?"
ANSWER = dict(PAIRS)[QUESTION]
GREEDY = SamplingRequest(temperature=0.0)


@contextmanager
def serving(
    home: Path, *options: str, environ: Mapping[str, str] | None = None, log: IO[bytes] | int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "mlxk/__main__.py"), "serve", "--port", "0", "--json", *options],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("}"):
                break
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)
            watchdog.cancel()


def find(home: Path, spec: str = "demo") -> ServedChat | None:
    container = Container(settings=load_settings({}, {"HOME": str(home)}))
    found: ServedChat | None = container.find_server().execute(spec)
    return found


def entries(home: Path) -> list[Path]:
    return sorted((home / ".cache/mlxk/servers").glob("*"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[subprocess.Popen[str]]:
    with serving(home, "--model", "demo", "--max-tokens", "3") as process:
        yield process


def ask(chat: ServedChat, request: GenerationRequest, *, streamed: bool = True) -> tuple[str, Finished]:
    *pieces, end = chat.execute("demo", request, streamed=streamed).events
    assert isinstance(end, Finished)
    return "".join(piece.text for piece in pieces if isinstance(piece, TextDelta)), end


@pytest.mark.parametrize("streamed", [True, False])
def test_the_servers_model_answers_by_the_commands_own_rules(
    server: subprocess.Popen[str], home: Path, streamed: bool
) -> None:
    """The server's --max-tokens is for clients that name no length; a command has the whole context."""
    before = workers(server.pid)
    chat = find(home)
    assert chat is not None
    text, end = ask(chat, GenerationRequest((Message(Role.USER, QUESTION),), sampling=GREEDY), streamed=streamed)
    assert (text, end.reason) == (ANSWER, FinishReason.STOP)
    cut = GenerationRequest((Message(Role.USER, QUESTION),), TokenLimits(DefaultLength.FULL_CONTEXT, 2), GREEDY)
    assert ask(chat, cut, streamed=streamed)[1].reason is FinishReason.LENGTH
    assert workers(server.pid) == before


def test_the_entry_is_private_and_tells_no_path(server: subprocess.Popen[str], home: Path) -> None:
    (entry,) = entries(home)
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert "demo" not in json.dumps({**json.loads(entry.read_text()), "secret": ""})


def test_a_model_that_the_server_has_not_loaded_is_not_asked_of_it(
    server: subprocess.Popen[str], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "copy").mkdir()
    for source in (ROOT / "adapters/builtin_model/demo").iterdir():
        (tmp_path / "copy" / source.name).write_bytes(source.read_bytes())
    assert find(home, str(tmp_path / "copy")) is None


KEY = "the-key-of-this-server"


def test_a_server_that_wants_keys_answers_its_own_users_commands_and_gives_no_key_away(tmp_path: Path) -> None:
    """The command knows no key; the entry holds none; no process shows one, the worker has none, the log tells none."""
    environ = {"MLXK_API_KEY": KEY, "MLXK2_DEBUG": "1"}
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        serving(tmp_path, "--model", "demo", "--log-json", environ=environ, log=file) as process,
    ):
        (entry,) = entries(tmp_path)
        assert KEY not in entry.read_text()
        chat = find(tmp_path)
        assert chat is not None
        text, _ = ask(chat, GenerationRequest((Message(Role.USER, QUESTION),), sampling=GREEDY))
        assert text == ANSWER
        below = descendants(process.pid)
        assert KEY not in "\n".join(below.values())
        assert (running := workers(process.pid))
        if sys.platform == "linux":
            assert not any(KEY.encode() in Path(f"/proc/{each}/environ").read_bytes() for each in running)
    assert KEY not in log.read_text()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = [line for line in lines if line.get("process") in below]
    assert {(line["level"], line["model"]) for line in told} == {("DEBUG", "mlxk/demo")}


def test_an_entry_lives_as_long_as_its_server(tmp_path: Path) -> None:
    with serving(tmp_path, "--model", "demo") as process:
        assert find(tmp_path) is not None
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert entries(tmp_path) == []
        assert find(tmp_path) is None


def test_what_a_killed_server_leaves_behind_is_swept(tmp_path: Path) -> None:
    with serving(tmp_path) as process:
        (entry,) = entries(tmp_path)
        front = json.loads(entry.read_text())["pid"]
        process.kill()
        process.wait(60)
        with suppress(ProcessLookupError):
            os.kill(front, signal.SIGKILL)
        eventually(lambda: front not in descendants(1), "the serving process to be gone")
    assert entries(tmp_path) == [entry]
    assert find(tmp_path) is None
    assert entries(tmp_path) == []
