"""Which Pythons and libraries the suite is run on, and what the table says of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.multi_python.__main__ import known, main, table
from scripts.multi_python.environments import QUICK, Environments, Outcome, counts
from scripts.multi_python.interpreters import SUPPORTED, Interpreter, find, probe
from scripts.multi_python.libraries import Libraries, floors, wheels_wanted

ROOT = Path(__file__).resolve().parents[3]
THIS = sys.version_info[:2]


def python(folder: Path, name: str, answer: str, code: int = 0) -> Path:
    """Something that answers as a Python would."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}' | tr -d '\\n'\nexit {code}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_python_of_these_tests_is_found() -> None:
    found = find(THIS)
    assert found is not None
    assert found.version == ".".join(map(str, sys.version_info[:3]))


def test_one_on_path_is_taken_before_those_of_pyenv_and_uv(tmp_path: Path) -> None:
    on_path = python(tmp_path / "bin", "python3.99", "3.99.0")
    python(tmp_path / ".pyenv/versions/3.99.1/bin", "python3.99", "3.99.1")
    environment = {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}
    assert find((3, 99), environment) == Interpreter(on_path, "3.99.0")


def test_a_shim_that_does_not_start_is_passed_over_for_the_version_behind_it(tmp_path: Path) -> None:
    python(tmp_path / "shims", "python3.99", "pyenv: command not found", code=127)
    behind = python(tmp_path / "kept/versions/3.99.4/bin", "python3.99", "3.99.4")
    environment = {"HOME": "/nowhere", "PATH": str(tmp_path / "shims"), "PYENV_ROOT": str(tmp_path / "kept")}
    assert find((3, 99), environment) == Interpreter(behind, "3.99.4")


def test_the_newest_of_uvs_pythons_is_taken(tmp_path: Path) -> None:
    for patch in (1, 3):
        folder = tmp_path / f".local/share/uv/python/cpython-3.99.{patch}-linux/bin"
        newest = python(folder, "python3.99", f"3.99.{patch}")
    assert find((3, 99), {"HOME": str(tmp_path), "PATH": ""}) == Interpreter(newest, "3.99.3")


def test_a_python_of_another_version_under_that_name_is_none(tmp_path: Path) -> None:
    python(tmp_path, "python3.99", "3.9.9")
    assert find((3, 99), {"HOME": "/nowhere", "PATH": str(tmp_path)}) is None


def test_what_cannot_be_started_is_no_python(tmp_path: Path) -> None:
    assert probe(tmp_path / "missing") is None


def test_every_dependency_has_a_floor() -> None:
    found = floors(ROOT / "pyproject.toml")
    assert {each.partition("==")[0] for each in found} >= {"mlx", "mlx-lm", "mlx-vlm", "mlx-audio", "flask", "pillow"}
    assert all(each.count("==") == 1 for each in found)


def test_a_dependency_without_a_floor_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(
        '[project]\ndependencies = ["mlx>=1.2,<2", "flask"]\n[project.optional-dependencies]\ncpu = ["mlx[cpu]>=1.2"]\n'
    )
    with pytest.raises(ValueError, match=r"flask in pyproject\.toml does not say its lowest version"):
        floors(path)
    assert wheels_wanted(path) == ("mlx>=1.2,<2",)


def test_the_supported_pythons_are_those_of_the_project() -> None:
    assert SUPPORTED[0] == (3, 11)
    assert f'requires-python = ">={SUPPORTED[0][0]}.{SUPPORTED[0][1]}"' in (ROOT / "pyproject.toml").read_text()


def test_a_dry_run_says_what_there_is_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "environments"
    assert main(["--list", "--folder", str(folder), "--libraries", "oldest"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["3.11", "3.12", "3.13", "3.14", "libraries"]
    assert any(f"({'.'.join(map(str, sys.version_info[:3]))})" in line for line in lines)
    assert lines[-1] == "libraries: oldest"
    assert not folder.exists()


def test_a_python_that_cannot_make_an_environment_is_a_failure_with_its_log(tmp_path: Path) -> None:
    broken = Interpreter(python(tmp_path, "python3.99", "no venv here", code=3), "3.99.0")
    outcome = Environments(tmp_path / "environments").outcome(broken, Libraries.NEWEST, ())
    assert not outcome.passed
    assert outcome.words == "no environment could be made: see 3.99.0-newest.log"
    assert "no venv here" in (tmp_path / "environments/3.99.0-newest.log").read_text()


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("2 failed, 277 passed, 18 deselected in 222.70s (0:03:42)", "2 failed, 277 passed, 18 deselected"),
        ("===== 3 passed, 1 skipped in 0.61s =====", "3 passed, 1 skipped"),
        ("1 error in 0.10s", "1 error"),
        ("Killed", None),
        ("", None),
    ],
)
def test_the_suites_own_count_is_what_the_table_shows(last: str, words: str | None) -> None:
    assert counts(f"pip says something\n9 passed in 1s\n{last}\n" if last else "") == words


def test_the_table_has_a_row_for_what_ran_and_for_what_was_not_found() -> None:
    versions = {"mlx": "0.32.4"}
    ran = Outcome(
        "3.12.1", "oldest", "9 passed", passed=True, suite="whole", versions=versions, seconds=90, day="2026-01-02"
    )
    missing = Outcome("3.14", "", "not found on this machine", passed=True, day="2026-01-03")
    assert table([ran, missing]).splitlines() == [
        "| Python | libraries | mlx | mlx-lm | mlx-vlm | mlx-audio | suite | result | minutes | day |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| 3.12.1 | oldest | 0.32.4 |  |  |  | whole | 9 passed | 1.5 | 2026-01-02 |",
        "| 3.14 |  |  |  |  |  |  | not found on this machine |  | 2026-01-03 |",
    ]


def test_what_came_of_an_environment_is_kept_for_the_table(tmp_path: Path) -> None:
    broken = Interpreter(python(tmp_path, "python3.99", "no venv here", code=3), "3.99.0")
    environments = Environments(tmp_path / "environments")
    assert environments.last(broken, Libraries.OLDEST) is None
    kept = environments.outcome(broken, Libraries.OLDEST, ())
    assert Environments(tmp_path / "environments").last(broken, Libraries.OLDEST) == kept
    rows = list(known(environments, {(3, 99): broken, (3, 98): None}))
    assert [(row.python, row.libraries, row.words) for row in rows] == [
        ("3.99.0", "oldest", "no environment could be made: see 3.99.0-oldest.log"),
        ("3.99.0", "newest", "not tried"),
        ("3.98", "", "not found on this machine"),
    ]


def test_the_quick_part_is_there() -> None:
    assert all((ROOT / each).exists() for each in QUICK)


def test_the_script_lists_from_any_folder(tmp_path: Path) -> None:
    listed = script(tmp_path, sys.executable, "--list", "--python", ".".join(map(str, THIS)))
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines()[-1] == "libraries: oldest and newest"
    assert len(listed.stdout.splitlines()) == 2


def test_the_script_says_who_may_run_it(tmp_path: Path) -> None:
    older = python(tmp_path, "python", "", code=1)
    refused = script(tmp_path, str(older), "--list")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is run by Python 3.11 or newer: PYTHON=python3.12 " in refused.stderr


@pytest.mark.parametrize("words", [("--python", "3.10"), ("--libraries", "latest"), ("--quik",)])
def test_the_script_refuses_what_it_does_not_know(tmp_path: Path, words: tuple[str, ...]) -> None:
    refused = script(tmp_path, sys.executable, *words)
    assert refused.returncode == 2
    assert words[-1] in refused.stderr


def script(folder: Path, python: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/test-multi-python.sh", *words],
        cwd=folder, env={**os.environ, "PYTHON": python}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
