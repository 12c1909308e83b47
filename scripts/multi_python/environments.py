"""One virtual environment for a Python and an end of the libraries, and the suite inside it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scripts.multi_python.interpreters import Interpreter
from scripts.multi_python.libraries import MLX, Libraries, extra, floors, wheels_wanted

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = ROOT / "pyproject.toml"
# The page of results is judged when it is written, not by the runs that it tells of.
SUITE = (
    "-q", "-m", "not nightly and not live", "-p", "no:cacheprovider",
    "--ignore=tests/spec/test_testing_results_page.py",
)  # fmt: skip
QUICK = (
    "tests/unit", "tests/contracts", "tests/spec", "tests/functional/catalog", "tests/functional/workspace",
    "tests/functional/test_builtin_model.py", "tests/functional/http/test_http_end_to_end.py",
)  # fmt: skip
_OURS = ("MLXK", "HF_", "HUGGING", "PYTHONPATH", "VIRTUAL_ENV", "XDG_CACHE_HOME")
_COUNTS = re.compile(r"(?:\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed)(?:, )?)+")
_VERSIONS = (
    "import json, sys; from importlib.metadata import version; print(json.dumps({n: version(n) for n in sys.argv[1:]}))"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of the table. versions: of the MLX libraries, {} where nothing was installed. passed: nothing that was
    tried has failed. words: the suite's own count, or what kept it from running. suite: "whole", "part", or "" when it
    was not run. day: UTC.
    """

    python: str
    libraries: str
    words: str
    passed: bool
    suite: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    day: str = field(default_factory=lambda: time.strftime("%Y-%m-%d", time.gmtime()))


class Environments:
    """Environments, logs and outcomes live in `folder`; environments are used again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}

    def outcome(self, interpreter: Interpreter, libraries: Libraries, tests: Sequence[str]) -> Outcome:
        """Make the environment, run the tests in it (() for all), say what came of it, and keep that. Never raises for
        what fails in there.
        """
        name = f"{interpreter.version}-{libraries}"
        self._folder.mkdir(parents=True, exist_ok=True)
        found = self._made(name, interpreter, libraries) or self._tested(name, interpreter, libraries, tests)
        self._kept(name).write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
        return found

    def last(self, interpreter: Interpreter, libraries: Libraries) -> Outcome | None:
        """What came of this environment the last time."""
        path = self._kept(f"{interpreter.version}-{libraries}")
        return Outcome(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def _made(self, name: str, interpreter: Interpreter, libraries: Libraries) -> Outcome | None:
        """None once the environment is there, else why it is not."""
        python, log = self._folder / name / "bin/python", self._log(name)
        log.write_text("", encoding="utf-8")

        def failed(words: str) -> Outcome:
            return Outcome(interpreter.version, libraries, f"{words}: see {log.name}", passed=False)

        if not python.exists() and self._run(log, [interpreter.path, "-m", "venv", self._folder / name]):
            return failed("no environment could be made")
        pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        if self._run(log, [*pip, "--dry-run", "--no-deps", "--only-binary=:all:", *wheels_wanted(PYPROJECT)]):
            return Outcome(interpreter.version, libraries, "there are no MLX wheels for it", passed=True)
        if self._run(log, [*pip, *self._constraints(libraries), "-e", f".{extra()}"]):
            return failed("the libraries cannot be installed")
        return None

    def _tested(self, name: str, interpreter: Interpreter, libraries: Libraries, tests: Sequence[str]) -> Outcome:
        python, log = self._folder / name / "bin/python", self._log(name)
        begun = time.monotonic()
        code = self._run(log, [python, "-m", "pytest", *SUITE, *tests])
        words = counts(log.read_text(encoding="utf-8")) or f"pytest ended with {code}: see {log.name}"
        suite = "part" if tests else "whole"
        seconds = time.monotonic() - begun
        return Outcome(interpreter.version, libraries, words, code == 0, suite, self._versions(python), seconds)

    def refusal(self, interpreter: Interpreter) -> Outcome:
        """What an older Python is told by the launcher."""
        answer = subprocess.run(
            [interpreter.path, "-m", "mlxk", "--version"], cwd=ROOT, env=self._env, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        refused = answer.returncode == 1 and answer.stderr.startswith("mlxk needs Python ")
        words = f"refused: {answer.stderr.strip()}" if refused else f"not refused: exit code {answer.returncode}"
        return Outcome(interpreter.version, "", words, passed=refused)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _kept(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _constraints(self, libraries: Libraries) -> list[str]:
        if libraries is Libraries.NEWEST:
            return ["--upgrade", "--upgrade-strategy=eager"]
        path = self._folder / "oldest.txt"
        path.write_text("\n".join(floors(PYPROJECT)) + "\n", encoding="utf-8")
        return ["-c", str(path)]

    def _versions(self, python: Path) -> dict[str, str]:
        answer = subprocess.run(
            [python, "-c", _VERSIONS, *MLX], capture_output=True, text=True, check=True, env=self._env
        )
        found: dict[str, str] = json.loads(answer.stdout)
        return found

    def _run(self, log: Path, command: Sequence[str | Path]) -> int:
        """The exit code; what it printed is added to the log."""
        with log.open("a", encoding="utf-8") as out:
            return subprocess.run(command, cwd=ROOT, env=self._env, stdout=out, stderr=out, check=False).returncode


def counts(log: str) -> str | None:
    """pytest's own count, from its last line; None when it did not come so far."""
    found = _COUNTS.findall(log.rstrip().rpartition("\n")[2])
    return found[-1].rstrip(", ") if found else None
