"""Real command lines whose worker starts early: whatever becomes of them, no process is left.

Every Python that starts says so in a folder, by way of sitecustomize, and every command is a process group of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_process import COMMAND, PATIENCE_SECONDS, ROOT, clean_environment, group_is_empty, kill_group
from tests.support.eventually import eventually

SAY = """
import os, sys
with open(os.path.join({folder!r}, str(os.getpid())), "w") as file:
    file.write(" ".join([str(os.getppid()), *sys.orig_argv]))
"""


class Started:
    """A command in a group of its own, and the Pythons it has started."""

    def __init__(self, home: Path, *argv: str) -> None:
        self._seen = home / "seen"
        self._seen.mkdir(exist_ok=True)
        (home / "sitecustomize.py").write_text(SAY.format(folder=str(self._seen)))
        self.process = subprocess.Popen(
            [*COMMAND, *argv],
            env=clean_environment(home, PYTHONPATH=str(home)),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def workers(self) -> int:
        """How many of its workers have begun to run Python."""
        said = [f"{path.read_text()} " for path in self._seen.iterdir()]
        return sum(each.startswith(f"{self.process.pid} ") and " worker --fd " in each for each in said)

    @property
    def none_left(self) -> bool:
        return group_is_empty(self.process.pid)

    def finish(self) -> int:
        """Nothing more on standard input; the exit code."""
        self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for path in (tmp_path / "seen").glob("*"):
        kill_group(int(path.name))


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("run", "no-such-model", "hello"), 1),
        (("run", "demo", "hello", "--think", "--no-think"), 2),
        (("run", "demo", "hello", "--schema", "/no/such/file"), 1),
        (("bench", "no-such-model"), 1),
    ],
)
def test_a_command_that_fails_leaves_no_process(home: Path, argv: tuple[str, ...], code: int) -> None:
    command = Started(home, *argv)
    assert command.finish() == code
    assert command.none_left


def test_a_worker_starts_while_the_question_is_still_typed_and_ctrl_c_ends_it(home: Path) -> None:
    command = Started(home, "run", "demo", "-")
    eventually(lambda: command.workers == 1, "the worker to start before the question is known")
    os.killpg(command.process.pid, signal.SIGINT)
    assert command.finish() == 130
    assert command.none_left


def test_the_early_worker_is_the_one_that_answers(home: Path) -> None:
    command = Started(home, "run", "demo", "hello", "--max-tokens", "1")
    assert command.finish() == 0
    assert command.workers == 1
    assert command.none_left


def test_a_front_that_is_killed_takes_its_early_worker_with_it(home: Path) -> None:
    command = Started(home, "run", "demo", "-")
    eventually(lambda: command.workers == 1, "the worker to start")
    command.process.kill()
    command.finish()
    eventually(lambda: command.none_left, "the worker to end")


def test_where_a_server_answers_no_worker_is_started(home: Path) -> None:
    server = Started(home, "serve", "--model", "demo", "--json", "--port", "0")
    assert server.process.stdout is not None
    try:
        assert b"}\n" in iter(server.process.stdout.readline, b"")
        command = Started(home, "run", "demo", "hello", "--max-tokens", "1")
        assert command.finish() == 0
        assert (command.workers, command.none_left) == (0, True)
    finally:
        server.process.terminate()
        server.finish()
    eventually(lambda: server.none_left, "the server's processes to end")
