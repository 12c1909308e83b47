"""The hosted workflows have not run yet; what can be known without running them is checked here."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github/workflows"
NAMES = ("ci", "nightly")
ON = True  # `on` reads as true in YAML 1.1


def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    return found


def job(name: str) -> dict[str, Any]:
    (found,) = workflow(name)["jobs"].values()
    assert isinstance(found, dict)
    return found


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_there_are_no_others() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_what_the_schema_of_workflows_allows(name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    checked = subprocess.run(
        [*command, FOLDER / f"{name}.yml"], capture_output=True, text=True, check=False, timeout=120
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_says_that_it_has_not_run_yet(name: str) -> None:
    assert "This workflow has not run yet" in (FOLDER / f"{name}.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_each_may_read_and_no_more_and_takes_versions_that_stay(name: str) -> None:
    assert workflow(name)["permissions"] == {"contents": "read"}
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in job(name)["steps"] if "uses" in step)


@pytest.mark.parametrize("name", NAMES)
def test_only_names_that_the_matrix_has_are_read_from_it(name: str) -> None:
    matrix = job(name)["strategy"]["matrix"]
    known = {key for key in matrix if key != "include"} | {key for each in matrix.get("include", ()) for key in each}
    text = (FOLDER / f"{name}.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{\{ *([a-z.]+) *\}\}", text)) == {f"matrix.{key}" for key in known}


def test_a_push_runs_the_same_script_as_everybody_else() -> None:
    assert [step["run"] for step in job("ci")["steps"] if "run" in step] == ["bash .ci/run"]
    assert set(workflow("ci")[ON]) == {"push", "pull_request"}
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    made = re.findall(r"^make ([a-z]+)", script, re.MULTILINE)
    assert made == [each for each in ("check", "wet", "wheel") if each in targets()]
    assert set(made) <= targets()


def test_the_night_runs_what_is_too_long_for_a_push() -> None:
    assert [step["run"] for step in job("nightly")["steps"] if "run" in step] == ["make ${{ matrix.target }}"]
    assert set(workflow("nightly")[ON]) == {"schedule", "workflow_dispatch"}
    made = job("nightly")["strategy"]["matrix"]["target"]
    assert made == ["nightly", "coverage", "mutation", "pythons"]
    assert set(made) <= targets()


def test_every_supported_python_is_there_at_night() -> None:
    (setup,) = [step for step in job("nightly")["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["with"]["python-version"].split() == ["3.14", "3.13", "3.12", "3.11"]


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_on_apple_silicon_and_on_linux(name: str) -> None:
    matrix = job(name)["strategy"]["matrix"]
    systems = set(matrix.get("os", ())) | {each["os"] for each in matrix.get("include", ())}
    assert systems >= {"macos-15", "ubuntu-24.04"}
    assert name != "ci" or "ubuntu-24.04-arm" in systems
    assert job(name)["runs-on"] == "${{ matrix.os }}"


def test_make_help_names_every_target_that_is_for_people() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    named = {line.split()[0] for line in shown.splitlines()}
    assert named == targets()


def test_what_the_night_measures_is_held_by_the_configuration() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tools["coverage"]["report"]["fail_under"] == 95
    assert tools["coverage"]["run"]["source"] == ["domain", "application"]
    assert tools["mutmut"]["source_paths"] == ["domain"]
    copied = tools["mutmut"]["also_copy"]
    assert all((ROOT / path).exists() for path in copied)
    assert {path.name for path in ROOT.glob("container*.py")} <= set(copied)
    assert all((ROOT / path).exists() for path in tools["mutmut"]["pytest_add_cli_args_test_selection"])
