"""The real server with real workers, under an owner's rules and a memory budget that a test sets.

    python -m tests.support.managed_server '{"flags": {...}, "budget_bytes": 1000, "rules": {"models": {...}}}'

It prints one JSON line when it is ready, or {"failed": ...}, and answers each line it reads with how its models stand.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters.worker_process.launcher import ProcessWorkerLauncher
from domain.errors import MlxkError
from domain.serving.model_settings import ModelSettings, ServingRules
from entrypoints.http.bootstrap import build_services
from entrypoints.http.front import Serving
from entrypoints.http.server import serve
from entrypoints.http.services import Services
from entrypoints.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0


def main() -> int:
    plan = json.loads(sys.argv[1])
    settings = load_settings({"port": 0, **plan["flags"]}, dict(os.environ))

    def services(settings: Settings) -> Services:
        built = build_services(settings)
        models = {name: ModelSettings(**each) for name, each in plan["rules"].get("models", {}).items()}
        rules = ServingRules(models, plan["rules"].get("aliases", {}), plan["rules"].get("idle_seconds", 0.0))
        built.serving_rules.override(rules)  # type: ignore[attr-defined]
        if plan["budget_bytes"]:
            built.resident_budget.override(plan["budget_bytes"])  # type: ignore[attr-defined]
        if not plan["spare"]:
            launcher = ProcessWorkerLauncher(settings.environ, keep_spare=False)
            built.worker_launcher.override(launcher)  # type: ignore[attr-defined]
        threading.Thread(target=_tell, args=(built,), daemon=True).start()
        return built

    return serve(settings, _announce, _failed, services_factory=services)


def _say(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def _announce(serving: Serving) -> None:
    _say(url=serving.url, process=os.getpid())


def _failed(fault: MlxkError) -> None:
    _say(failed=fault.message)


def _tell(built: Services) -> None:
    pool = built.model_pool()
    for _ in sys.stdin:
        _say(
            standing=[asdict(each) for each in pool.standing()],  # type: ignore[attr-defined]
            processes={each.name: each.process_id for each in pool.loaded()},  # type: ignore[attr-defined]
        )


class ManagedServer:
    """A handle on that process. told: what it said when it was ready, or why it is not."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._guard = threading.Lock()
        self.told = self._read()

    @property
    def url(self) -> str:
        return str(self.told["url"])

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def _ask(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        with self._guard:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            return self._read()

    def standing(self) -> dict[str, dict[str, Any]]:
        """By the model's name."""
        return {each["name"]: each for each in self._ask()["standing"]}

    def processes(self) -> dict[str, int]:
        """The worker of each model that is loaded."""
        found: dict[str, int] = self._ask()["processes"]
        return found


@contextlib.contextmanager
def managed(
    home: Path,
    *,
    budget_bytes: int = 0,
    rules: Mapping[str, object] | None = None,
    spare: bool = True,
    seconds: float = SECONDS * 2,
    log: Path | None = None,
    **flags: object,
) -> Iterator[ManagedServer]:
    """home: of the user, and of the workspaces. budget_bytes: of all models together; 0 is the machine's own. spare:
    whether it keeps a worker ready. seconds: after which it is killed. log: where what it logs goes.
    """
    plan = {"flags": flags, "spare": spare, "budget_bytes": budget_bytes, "rules": rules or {}}
    told = subprocess.DEVNULL if log is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.managed_server", json.dumps(plan)],
        cwd=ROOT,
        env={"HOME": str(home), "MLXK_WORKSPACE_HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=told,
        text=True,
        start_new_session=True,
    )
    if log is not None:
        os.close(told)
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        yield ManagedServer(process)
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
        with process:
            process.wait(SECONDS)


if __name__ == "__main__":
    sys.exit(main())
