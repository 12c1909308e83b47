"""A pytest session of its own in a folder, with the report plugin and nothing of this project's conftest files."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120.0


def session_command(folder: Path, *arguments: str) -> list[str]:
    own = ("-c", str(folder / "pytest.ini"), "--rootdir", str(folder), "-p", "tests.plugins.report_plugin")
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *own, *arguments, str(folder)]


def session_environment() -> dict[str, str]:
    """Without the plugins of installed packages: they take seconds to import and have no part in it."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def write_tests(folder: Path, source: str, conftest: str = "") -> None:
    """The folder becomes a test suite of one file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n", encoding="utf-8")
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")


def run_session(folder: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        session_command(folder, *arguments),
        cwd=cwd or folder,
        env=session_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def run_tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One of `benchmarks/`, in this process: its libraries are imported once."""
    tool = import_module(f"benchmarks.{name}")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = tool.main([str(each) for each in arguments])
    return subprocess.CompletedProcess([name], code, out.getvalue(), err.getvalue())


def run_tool_process(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The same as a process of its own, for what handles signals."""
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
