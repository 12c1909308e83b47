"""The hosted workflow has not run yet; what can be known without running it is checked here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    return found


def test_it_runs_the_same_script_as_everybody_else(workflow: dict[Any, Any]) -> None:
    steps = workflow["jobs"]["check"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]
    assert "make check" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_it_covers_apple_silicon_and_both_kinds_of_linux(workflow: dict[Any, Any]) -> None:
    systems = {each["os"] for each in workflow["jobs"]["check"]["strategy"]["matrix"]["include"]}
    assert systems == {"macos-15", "ubuntu-24.04", "ubuntu-24.04-arm"}


def test_every_key_is_one_that_workflows_have(workflow: dict[Any, Any]) -> None:
    """`on` reads as true in YAML 1.1."""
    assert set(workflow) <= {"name", True, "permissions", "jobs", "env", "concurrency"}
    assert set(workflow[True]) <= {"push", "pull_request", "workflow_dispatch", "schedule"}
    assert workflow["permissions"] == {"contents": "read"}
    job = workflow["jobs"]["check"]
    assert set(job) <= {"strategy", "runs-on", "timeout-minutes", "steps"}
    assert all(set(step) <= {"uses", "with", "name", "run"} for step in job["steps"])
    assert all("@v" in step["uses"] for step in job["steps"] if "uses" in step)
