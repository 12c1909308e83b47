"""`mlxk serve --daemon` and what goes with it, as real processes with the built-in model."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from adapters.server_client.identity import born
from tests.support.cli_process import COMMAND, ROOT, clean_environment, mlxk
from tests.support.eventually import eventually
from tests.support.processes import descendants

Json = dict[str, Any]
KEY = f"sesame-{os.getpid()}"


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A home of its own; no server outlives the test."""
    environment = clean_environment(tmp_path, HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path / "config"))
    yield environment
    mlxk("stop", "--all", "--force", env=environment)


def told(*argv: str, env: dict[str, str]) -> tuple[int, Json]:
    ended = mlxk(*argv, "--json", env=env)
    envelope: Json = json.loads(ended.stdout)
    return ended.returncode, envelope


def test_a_server_goes_on_behind_the_command_until_it_is_stopped(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "mlxk.toml").write_text('[server]\nport = 0\nmodel = "demo"\nlog_level = "debug"\n')
    env["MLXK_CONFIG"] = str(tmp_path / "mlxk.toml")
    code, envelope = told("serve", "--daemon", "--api-key", KEY, env=env)
    facts = envelope["data"]
    assert (code, facts["model"]) == (0, "mlxk/demo")
    with urlopen(Request(f"{facts['url']}/ready", headers={"x-api-key": KEY}), timeout=20) as answer:  # noqa: S310
        assert json.load(answer)["models"] == ["mlxk/demo"]
    assert KEY not in subprocess.run(["ps", "-Ao", "args"], capture_output=True, text=True, check=True).stdout

    process_id, log = facts["pid"], Path(facts["log_file"])
    assert os.getsid(process_id) == process_id
    assert log == tmp_path / f"state/mlxk/logs/server-{facts['port']}.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600

    code, envelope = told("status", env=env)
    (server,) = envelope["data"]["servers"]
    assert (code, server["pid"], server["state"], server["requests"]) == (0, process_id, "ready", 0)
    assert [each["name"] for each in server["models"]] == ["mlxk/demo"]
    code, envelope = told("serve", "--daemon", "--port", str(facts["port"]), env=env)
    assert (code, envelope["error"]["type"]) == (1, "port_in_use")

    below = descendants(process_id)
    assert told("stop", env=env)[1]["data"]["stopped"][0]["pid"] == process_id
    assert told("status", env=env)[0] == 3
    eventually(lambda: not any(map(_lives, below)), "its processes have ended")
    assert "stopped: " in mlxk("logs", "--port", str(facts["port"]), env=env).stdout.decode()


def _lives(process_id: int) -> bool:
    return born(process_id) is not None


@pytest.mark.parametrize(
    ("argv", "kind"),
    [(("--memory-limit", "1KB"), "insufficient_memory"), (("--kv-bits", "5"), "validation_error")],
)
def test_what_keeps_it_from_serving_is_the_commands_own_error(
    env: dict[str, str], argv: tuple[str, ...], kind: str
) -> None:
    code, envelope = told("serve", "--daemon", "--port", "0", "--model", "demo", *argv, env=env)
    assert (code, envelope["error"]["type"]) == (1, kind)
    assert told("status", env=env)[0] == 3
    ended = mlxk("serve", "--daemon", "--port", "0", "--model", "demo", *argv, env=env)
    assert ended.stdout == b""
    assert ended.stderr.decode().startswith("serve: Error: ")


def test_a_start_that_is_interrupted_leaves_nothing_behind(env: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C while the model is loaded: the server is in another session, and the terminal does not reach it."""
    hold = tmp_path / "python"
    hold.mkdir()
    (hold / "sitecustomize.py").write_text(
        "import os, sys, time\nif '--json' in sys.argv and 'serve' in sys.argv and '--daemon' not in sys.argv:\n"
        f"    open({str(tmp_path / 'held')!r}, 'w').write(str(os.getpid())); time.sleep(120)\n"
    )
    process = subprocess.Popen(
        [*COMMAND, "serve", "--daemon", "--port", "0"], env={**env, "PYTHONPATH": str(hold)}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    held = tmp_path / "held"
    eventually(lambda: held.exists() and bool(held.read_text()), "the server is starting")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=40)
    assert (process.returncode, err) == (130, b"[interrupted by the user]\n")
    eventually(lambda: not _lives(int(held.read_text())), "the server has ended")


def test_logs_go_on_until_the_reader_leaves(env: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "state/mlxk/logs/server-1.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\n")
    with subprocess.Popen([*COMMAND, "logs", "-f"], env=env, cwd=ROOT, stdout=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        assert reading.stdout.readline() == b"one\n"
        log.rename(f"{log}.1")
        log.write_text("two\n")
        assert reading.stdout.readline() == b"two\n"
        reading.send_signal(signal.SIGINT)
        assert reading.wait(20) == 130


def test_a_bad_file_is_no_fault_of_a_listing(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config/mlxk").mkdir(parents=True)
    (tmp_path / "config/mlxk/mlxk.toml").write_text("[server]\nport = 'x'\n")
    assert mlxk("list", env=env).returncode == 0
    assert mlxk("status", env=env).returncode == 3
    for argv in (("serve",), ("serve", "--daemon"), ("service", "install", "--print"), ("cache",), ("rm", "demo")):
        ended = mlxk(*argv, env=env)
        assert ended.returncode == 2
        assert f"{tmp_path}/config/mlxk/mlxk.toml: [server] port = 'x'" in ended.stderr.decode()


def test_a_port_in_use_is_told_before_anything_is_loaded(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        code, envelope = told("serve", "--daemon", "--model", "demo", "--port", str(port), env=env)
    assert (code, envelope["error"]["type"]) == (1, "port_in_use")
