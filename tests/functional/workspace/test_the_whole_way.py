"""The truth about workspaces, end to end through the real command line, and the one long way of a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.builtin_model import builtin_model_folder
from tests.support.hub_server import HubServer
from tests.support.isolated_cache import cache_under
from tests.support.workspace_kit import tree_of

ROOT = Path(__file__).resolve().parents[3]


class Machine:
    """A user's machine: caches, a workspace home, and mlxk."""

    def __init__(self, root: Path, hub: HubServer) -> None:
        self.root = root
        self.home = root / "workspaces"
        self.home.mkdir(parents=True)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "HF_HOME": str(cache_under(root)),
            "MLXK2_STRICT_TEST_DELETE": "1",
            "HF_ENDPOINT": hub.endpoint,
            "HF_TOKEN": "hf_me",
            "HF_HUB_DISABLE_XET": "1",
            "MLXK_WORKSPACE_HOME": str(self.home),
        }

    def run(self, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", str(ROOT / "mlxk" / "__main__.py"), *argv],
            cwd=self.root, env={**self.environ, **environ}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def json(self, *argv: str, **environ: str) -> dict[str, Any]:
        """The data of a command that succeeds; nothing else on standard output."""
        result = self.run(*argv, "--json", **environ)
        envelope = json.loads(result.stdout)
        assert (envelope["status"], result.returncode) == ("success", 0), result.stdout + result.stderr
        data = envelope["data"]
        assert isinstance(data, dict)
        return data

    def error(self, *argv: str, **environ: str) -> str:
        """The type of the error of a command that fails."""
        result = self.run(*argv, "--json", **environ)
        envelope = json.loads(result.stdout)
        assert (envelope["status"], result.returncode) == ("error", 1), result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        return str(envelope["error"]["type"])

    def listed(self, name: str) -> dict[str, Any]:
        [model] = [each for each in self.json("list")["models"] if each["name"] == name]
        assert isinstance(model, dict)
        return model


@pytest.fixture
def machine(tmp_path: Path, hub: HubServer) -> Machine:
    source = builtin_model_folder()
    hub.create("org/Chatty-bf16", {path.name: path.read_bytes() for path in Path(source).iterdir() if path.is_file()})
    return Machine(tmp_path / "machine", hub)


def test_pull_list_clone_edit_check_push_push_again_pull_elsewhere_list(
    machine: Machine, hub: HubServer, tmp_path: Path
) -> None:
    assert machine.json("pull", "org/Chatty-bf16")["download_status"] == "success"
    original = machine.listed("org/Chatty-bf16")
    assert original["runtime_compatible"]

    hub.traffic.forget()
    cloned = machine.json("clone", "org/Chatty-bf16", "mine")
    assert cloned["target_dir"] == str(machine.home / "mine")
    assert (cloned["health"], cloned["fetched_bytes"], hub.traffic.requests) == ("healthy", 0, [])
    workspace = machine.listed("mine")
    assert (workspace["clean"], workspace["origin"], workspace["content_hash"]) == (
        True, "org/Chatty-bf16", cloned["content_hash"],
    )  # fmt: skip
    for field in ("model_type", "capabilities", "framework", "health", "runtime_compatible"):
        assert workspace[field] == original[field], field

    (machine.home / "mine" / "NOTES.md").write_text("my own words\n")
    edited = machine.listed("mine")
    assert (edited["clean"], edited["content_hash"] == cloned["content_hash"]) == (False, False)
    shown = machine.json("show", "mine", "--recalc-hash")
    assert shown["hash_updated"] is True
    assert machine.listed("mine")["clean"] is True

    checked = machine.json("push", "mine", "me/Mine-bf16", "--private", "--check-only", HF_TOKEN="")
    assert checked["workspace_health"]["healthy"]
    dry = machine.json("push", "mine", "me/Mine-bf16", "--private", "--dry-run")
    assert (dry["would_create_repo"], dry["dry_run_summary"]["deleted"]) == (True, 0)
    pushed = machine.json("push", "mine", "me/Mine-bf16", "--private", "--create", "--commit", "hello")
    assert (pushed["created_repo"], pushed["no_changes"], pushed["local_files_count"]) == (
        True, False, pushed["uploaded_files_count"],
    )  # fmt: skip
    again = machine.json("push", "mine", "me/Mine-bf16", "--private", "--verbose")
    assert (again["no_changes"], again["commit_sha"], again["commit_url"], again["uploaded_files_count"]) == (
        True, None, None, 0,
    )  # fmt: skip
    people = machine.run("push", "mine", "me/Mine-bf16", "--private")
    assert people.stdout.count("no changes") == 1

    elsewhere = Machine(tmp_path / "elsewhere", hub)
    assert elsewhere.json("pull", "me/Mine-bf16")["hash"] == pushed["commit_sha"]
    arrived = elsewhere.listed("me/Mine-bf16")
    for field in ("model_type", "capabilities", "framework", "health", "runtime_compatible"):
        assert arrived[field] == original[field], field


def test_the_truth_table_of_what_each_command_may_touch(machine: Machine, hub: HubServer) -> None:
    machine.json("pull", "org/Chatty-bf16")
    cache = Path(machine.environ["HF_HOME"]) / "hub"
    snapshot = next(cache.glob("models--*/snapshots/*"))
    before = tree_of(cache)
    machine.json("clone", "org/Chatty-bf16", "ws")
    refused = {
        "clone into a cache": ("clone", "org/Chatty-bf16", str(cache / "mine")),
        "clone into a model of a cache": ("clone", "demo", str(snapshot / "mine")),
        "convert a cached model": ("convert", "org/Chatty-bf16", "out", "--quantize", "4"),
        "convert a snapshot by its path": ("convert", str(snapshot), "out", "--quantize", "4"),
        "convert into a cache": ("convert", "ws", str(cache / "out"), "--quantize", "4"),
        "push a snapshot": ("push", str(snapshot), "me/x", "--private", "--create"),
        "mend a snapshot": ("doctor", str(snapshot), "--fix"),
        "push without saying who may see it": ("push", "ws", "me/x", "--create"),
    }
    for what, argv in refused.items():
        assert machine.error(*argv) == "validation_error", what
    assert machine.error("clone", "org/Chatty-bf16", "ws") == "conflict"
    assert machine.error("push", "org/Chatty-bf16", "me/x", "--private", "--create") == "workspace_not_found"
    assert machine.error("push", "ws", "me/x", "--private") == "repo_not_found"
    assert machine.error("push", "ws", "me/x", "--private", HF_TOKEN="") == "auth_error"
    assert machine.error("clone", "org/Nothing", "x") == "model_not_found"
    assert tree_of(cache) == before
    assert not [path for path in (machine.home / "ws").rglob("*") if path.is_symlink()], "a workspace is flat"
    assert "me/x" not in hub.store.repositories


def test_convert_and_doctor_through_the_command_line(machine: Machine) -> None:
    machine.json("clone", "demo", "ws")
    converted = machine.json("convert", "ws", "small", "--quantize", "8", "--q-group-size", "32")
    assert (converted["bits"], converted["health_status"]) == (8, "healthy")
    assert machine.listed("small")["clean"] is True
    config = machine.home / "small" / "config.json"
    values = json.loads(config.read_text())
    del values["eos_token_id"]
    config.write_text(json.dumps(values))
    (machine.home / "small" / "generation_config.json").unlink(missing_ok=True)
    shown = machine.run("doctor", "small")
    assert "eos_missing" in shown.stdout
    assert '+  "eos_token_id"' in shown.stdout
    assert machine.json("doctor", "small", "--fix")["remaining"] == []
    assert json.loads(config.read_text())["eos_token_id"]
    assert machine.json("doctor", "small", "--undo")["undone"] == ["config.json"]
    assert json.loads(config.read_text()) == values
