"""The markers of live tests: which group a test is in, and what is refused while tests are collected."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.live_markers import LIVE, NIGHTLY, SPEC, SPECIFIC, WET, is_wet, lacks_live, may_select_live, selects

ROOT = Path(__file__).resolve().parents[2]
WET_ANYWHERE = ["live_e2e", "live_stop_tokens", "live_run", "live_list", "live_push", "issue27"]


def pytest_run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        env={**os.environ, **environ}, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def collected(*words: str, **environ: str) -> list[str]:
    done = pytest_run("--collect-only", "-q", *words, **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_every_marker_is_registered_with_its_meaning_and_no_other_is() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    told = dict(line.split(": ", 1) for line in options["markers"])
    assert set(told) == {SPEC, NIGHTLY, LIVE, WET, *SPECIFIC}
    assert {name: told[name] for name in SPECIFIC} == dict(SPECIFIC)
    assert "--strict-markers" in options["addopts"]
    assert options["addopts"][-2:] == ["-m", "not live"]


@pytest.mark.parametrize("marker", SPECIFIC)
def test_a_specific_marker_wants_live_beside_it(marker: str) -> None:
    assert lacks_live({marker, "spec"}) == [marker]
    assert lacks_live({marker, "live"}) == []


@pytest.mark.parametrize("marker", WET_ANYWHERE)
def test_these_are_wet_wherever_they_lie(marker: str) -> None:
    assert is_wet({"live", marker}, in_live_folder=False)


@pytest.mark.parametrize("marker", ["live_pull", "live_clone"])
def test_these_have_a_process_of_their_own(marker: str) -> None:
    assert not is_wet({"live", marker}, in_live_folder=True)
    assert not is_wet({"live", "live_e2e", marker}, in_live_folder=True)


def test_everything_else_under_the_live_folder_is_wet_and_nothing_else_elsewhere() -> None:
    assert is_wet({"live"}, in_live_folder=True)
    assert not is_wet({"live"}, in_live_folder=False)


@pytest.mark.parametrize(
    ("expression", "live"),
    [("", True), ("not live", False), ("spec", False), ("wet", True), ("live_pull", True), ("not wet", True),
     ("not nightly", True), ("not nightly and not live", False)],
)  # fmt: skip
def test_which_expressions_may_select_live_tests(expression: str, live: bool) -> None:
    assert may_select_live(expression) is live
    assert selects(expression, {"live", "wet"}) or not live or expression in {"live_pull", "not wet"}


def test_a_specific_marker_without_live_fails_the_collection(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ("tests.plugins.isolation", "tests.plugins.markers")\n')
    (tmp_path / "test_it.py").write_text("import pytest\n@pytest.mark.live_push\ndef test_it(): pass\n")
    done = pytest_run(f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), str(tmp_path), PYTHONPATH=str(ROOT))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_it is marked live_push but not live" in done.stderr


def test_live_tests_are_refused_on_several_processes() -> None:
    done = pytest_run("-n", "2", "-m", "not nightly", "tests/live")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "live tests do not run under xdist: each process would load models of its own" in done.stderr


def test_other_tests_run_on_several_processes() -> None:
    done = pytest_run("-n", "2", "-q", "tests/unit/test_json_depth.py", "tests/isolation/test_first_use.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_run_that_asks_for_nothing_leaves_live_tests_out() -> None:
    done = pytest_run("--collect-only", "-q", "tests/live")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert " deselected" in done.stdout


def test_groups_are_collected_on_an_empty_cache_each_test_once(tmp_path: Path) -> None:
    everything = collected("-m", "live", "tests/live", MLXK2_USER_HF_HOME=str(tmp_path))
    assert len(everything) == len(set(everything)) > 0
    parts = {name: collected("-m", name, "tests/live", MLXK2_USER_HF_HOME=str(tmp_path))
             for name in ("live_e2e", "live_pull", "live_clone", "wet")}  # fmt: skip
    assert parts["live_e2e"]
    assert set(parts["live_e2e"]) < set(parts["wet"])
    assert sorted([*parts["wet"], *parts["live_pull"], *parts["live_clone"]]) == sorted(everything)
    for name in ("live_pull", "live_clone"):
        assert parts[name]
        assert {each.partition("::")[0] for each in parts[name]} == {f"tests/live/test_{name}.py"}


def test_words_select_the_offline_tests_of_their_subject() -> None:
    files = ("workspace/test_push.py", "workspace/test_clone.py", "http/test_http_life.py")
    found = collected("-k", "push or clone or server", *(f"tests/functional/{each}" for each in files))
    assert {each.partition("::")[0].removeprefix("tests/functional/") for each in found} == set(files)


def test_conftests_below_act_on_their_own_folder_alone() -> None:
    """A hook in one would see the tests of all."""
    hooks = {
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in (ROOT / "tests").rglob("conftest.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("pytest_")
    }
    assert not hooks


def test_live_tests_lie_under_their_folder() -> None:
    """The umbrella script looks nowhere else."""
    elsewhere = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if ROOT / "tests" / "live" not in path.parents and path != Path(__file__).resolve()
        if any(
            isinstance(node, ast.Attribute) and (node.attr == LIVE or node.attr in SPECIFIC)
            and ast.unparse(node.value) == "pytest.mark"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]  # fmt: skip
    assert not elsewhere
