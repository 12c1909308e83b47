"""`mlxk embed` as processes in pipes: what comes when, what is held in memory, and who may hang up."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.cli_process import COMMAND, ROOT, clean_environment, mlxk
from tests.support.small_embedders import small_embedder

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    small_embedder(home / "models/small-embedder")
    return clean_environment(home, HOME=str(home), MLXK_WORKSPACE_HOME=str(home / "models"))


@contextmanager
def embedding(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*COMMAND, "embed", "small-embedder", "--batch"], cwd=ROOT, env=env, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    try:
        with process:
            yield process
    finally:
        process.kill()


def say(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text.encode())


def line_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return str(json.loads(process.stdout.readline())["text"])


def test_a_line_is_answered_before_the_next_one_comes(env: dict[str, str]) -> None:
    with embedding(env) as process:
        for text in ("one", "two", "three"):
            say(process, f"{text}\n")
            assert line_of(process) == text
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_reader_that_goes_ends_it_in_silence(env: dict[str, str]) -> None:
    shell = f"yes 'the cat sat' | {' '.join(COMMAND)} embed small-embedder --batch | head -n 1; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    first, code = done.stdout.splitlines()
    assert json.loads(first)["text"] == "the cat sat"
    assert (code, done.stderr) == ("141", "")


def test_ctrl_c_ends_it_after_whole_lines(env: dict[str, str]) -> None:
    with embedding(env) as process:
        say(process, "one\n")
        assert line_of(process) == "one"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 130
        assert process.stdout is not None
        assert process.stdout.read() == b""


def test_a_broken_line_keeps_what_came_before(env: dict[str, str]) -> None:
    done = mlxk("embed", "small-embedder", "--batch", env=env, stdin=b'one\n{"text": "two", "id": 2}\n{"text"\nfour\n')
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["one", "two"]
    assert done.returncode == 1
    assert b"line 3 is not JSON" in done.stderr


def test_a_text_that_is_too_long_is_named_by_its_line(env: dict[str, str]) -> None:
    done = mlxk("embed", "small-embedder", "--batch", env=env, stdin=b"one\n" + b"cat " * 300 + b"\nthree\n")
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["one"]
    assert done.returncode == 1
    assert b"line 2: " in done.stderr


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells no process's peak of memory")
def test_ten_thousand_texts_take_the_memory_of_a_few(env: dict[str, str], tmp_path: Path) -> None:
    """The command's own memory, without its worker's."""
    assert peak_memory(env, tmp_path / "many", 10_000) < peak_memory(env, tmp_path / "few", 500) * 1.1


def peak_memory(env: dict[str, str], file: Path, texts: int) -> int:
    """In kB, looked at up to the last line."""
    file.write_text("".join(f"the cat sat {number}\n" for number in range(texts)))
    command = [*COMMAND, "embed", "small-embedder", "--file", str(file)]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        numbers, peak = 0, 0
        for numbers, line in enumerate(process.stdout, 1):
            assert f"sat {numbers - 1}" in line[:40].decode()
            if numbers % 250 == 0:
                told = Path(f"/proc/{process.pid}/status").read_text()
                peak = max([peak, *(int(row.split()[1]) for row in told.splitlines() if row.startswith("VmHWM"))])
    assert (numbers, process.returncode) == (texts, 0)
    assert peak > 0
    return peak
