"""An older Python is refused in one line, before anything that it cannot parse."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mlxk
from scripts.multi_python.interpreters import OLDER, find

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("version", OLDER, ids=lambda version: ".".join(map(str, version)))
def test_an_older_python_that_is_here_is_refused(version: tuple[int, int]) -> None:
    interpreter = find(version)
    if interpreter is None:
        pytest.skip(f"Python {'.'.join(map(str, version))} is not installed")
    answer = subprocess.run(
        [interpreter.path, "-m", "mlxk", "list", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == (
        f"mlxk needs Python 3.11 or newer, this is {interpreter.version}: reinstall it with a newer Python\n"
    )


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 99)])
def test_a_python_that_says_it_is_older_is_refused(version: tuple[int, int, int]) -> None:
    code = f"import sys; sys.version_info = {version}; import mlxk; print('went on')"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("mlxk needs Python 3.11 or newer, this is ")


def test_the_refusal_has_no_syntax_that_python_2_does_not_know() -> None:
    tree = ast.parse((ROOT / "mlxk/__init__.py").read_text(encoding="utf-8"))
    nodes = {type(node).__name__ for node in ast.walk(tree)}
    assert nodes <= {
        "Module", "Expr", "Constant", "Import", "alias", "Assign", "Name", "Store", "Load", "Tuple", "If", "Compare",
        "Lt", "Call", "Attribute", "BinOp", "Add", "Subscript", "Slice",
    }  # fmt: skip
    assert (ROOT / "mlxk/__init__.py").read_bytes().isascii()


def test_the_launcher_the_package_and_the_make_targets_want_the_same_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = ".".join(map(str, mlxk.MIN_PYTHON))
    assert project["project"]["requires-python"] == f">={wanted}"
    assert project["tool"]["mypy"]["python_version"] == wanted
    assert f"sys.version_info < {mlxk.MIN_PYTHON}" in (ROOT / "Makefile").read_text(encoding="utf-8")
