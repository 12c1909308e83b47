"""`mlxk pull` as people meet it: bars, Ctrl-C, a question, and what a script sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli_process import clean_environment, mlxk, on_terminal
from tests.support.hub_server import HubServer

NAME = "acme/model"


@pytest.fixture
def env(hub: HubServer, tmp_path: Path) -> dict[str, str]:
    return clean_environment(tmp_path, HF_ENDPOINT=hub.endpoint)


def test_ctrl_c_ends_a_pull_which_the_next_one_goes_on_with_after_a_yes(
    hub: HubServer, env: dict[str, str], demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    hub.fail("model.safetensors")
    hub.fail("model.safetensors", chunk_delay_seconds=0.2)
    with on_terminal("pull", NAME, env=env) as terminal:
        terminal.wait_for("model.safetensors")
        terminal.type("\x03")
        assert terminal.finish() == 130
    assert "Traceback" not in terminal.shown
    with on_terminal("pull", NAME, env=env) as terminal:
        terminal.wait_for("[Y/n]")
        assert "Incomplete download" in terminal.shown
        terminal.type("y\n")
        assert terminal.finish() == 0
    assert "every checksum is right" in terminal.shown
    assert mlxk("run", NAME, "Who are you?", env=env).returncode == 0


def test_a_script_reads_progress_lines_and_one_envelope(
    hub: HubServer, env: dict[str, str], demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    done = mlxk("pull", NAME, "--json", "--progress", "json", env=env)
    assert done.returncode == 0
    assert json.loads(done.stdout)["data"]["download_status"] == "success"
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events[0] == "status"
    assert {"plan", "file_started", "bytes", "file_done"} <= set(events)


def test_a_model_nobody_may_see_is_one_clear_error(hub: HubServer, env: dict[str, str]) -> None:
    hub.create(NAME, {"config.json": b"{}"}, gated="manual")
    done = mlxk("pull", NAME, env=env)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines() == [
        f"pull: Error: {NAME} is gated: its owner grants access on request",
        "Hint: ask for access on the model's page, then set HF_TOKEN to your token",
    ]
