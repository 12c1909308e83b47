"""The real server over real MLX, whose workers fail as a test plans it, and which loses its patience in seconds.

python -m tests.support.frail_server '{"plan": "/where/the/plan/is", "flags": {...}, "grace_seconds": 5}'
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from adapters.worker_process.launcher import ProcessWorkerLauncher
from application.serving.worker_watch import WatchTimes
from domain.serving.heartbeat import HeartLimits
from entrypoints.http.bootstrap import build_services
from entrypoints.http.front import Serving
from entrypoints.http.server import serve
from entrypoints.http.services import Services
from entrypoints.settings import Settings, load_settings
from tests.support import dying_worker
from tests.support.cli_process import clean_environment
from tests.support.eventually import eventually
from tests.support.processes import descendants
from tests.support.raw_http import Answer, RawClient, head

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0
CHAT = "/v1/chat/completions"
QUICK = HeartLimits(silence_seconds=1.0, preparing_seconds=1.5, patience=2.0)


def main() -> int:
    plan = json.loads(sys.argv[1])
    settings = load_settings({"port": 0, **plan["flags"]}, dict(os.environ))
    factory = partial(_services, plan=plan["plan"])
    return serve(settings, _announce, services_factory=factory, grace_seconds=plan["grace_seconds"])


def _announce(serving: Serving) -> None:
    sys.stdout.write(json.dumps({"port": serving.port, "process": os.getpid()}) + "\n")
    sys.stdout.flush()


def _services(settings: Settings, plan: str) -> Services:
    container: Any = build_services(settings)
    command = (sys.executable, "-P", dying_worker.__file__, plan)
    container.worker_launcher.override(ProcessWorkerLauncher(settings.environ, keep_spare=True, command=command))
    container.watch_times.override(WatchTimes(time.monotonic, QUICK, interval_seconds=0.1, revival_seconds=0.5))
    services: Services = container
    return services


class FrailServer:
    """A handle on that process. port; serving: the serving process's id."""

    def __init__(self, process: subprocess.Popen[str], plan: Path) -> None:
        self.process = process
        self._plan = plan
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        told = json.loads(line)
        self.port, self.serving = int(told["port"]), int(told["process"])

    def plans(self, death: str) -> None:
        """See dying_worker."""
        self._plan.write_text(death, encoding="utf-8")

    def went_as_planned(self) -> bool:
        return not self._plan.exists()

    def get(self, path: str) -> Answer:
        with RawClient(self.port) as client:
            client.send(head("GET", path))
            return client.answer()

    def post(self, body: dict[str, Any]) -> Answer:
        with RawClient(self.port) as client:
            client.post(CHAT, body)
            return client.answer()

    def workers(self) -> list[int]:
        """All below the server; the first holds the model, for the spare is younger."""
        below = descendants(self.process.pid).items()
        return sorted(each for each, command in below if f"{dying_worker.__file__} " in command)

    def metric(self, name: str) -> float:
        """0 where it is not told."""
        lines = self.get("/metrics").body.decode().splitlines()
        told = dict(line.rpartition(" ")[::2] for line in lines if not line.startswith("#"))
        return float(told.get(name, 0))

    def becomes_ready(self) -> None:
        eventually(lambda: self.get("/ready").status == 200, "the server to be ready")

    def end(self) -> tuple[int, str]:
        """Wait for its end: exit code and what it and its workers logged."""
        _, log = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, log


@contextlib.contextmanager
def frail(
    folder: Path, *, grace_seconds: float = 10.0, environ: dict[str, str] | None = None, **flags: object
) -> Iterator[FrailServer]:
    """folder: for its home and the plan."""
    plan = folder / "plan"
    told = {"plan": str(plan), "flags": flags, "grace_seconds": grace_seconds}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.frail_server", json.dumps(told)],
        cwd=ROOT,
        env={**clean_environment(folder), **(environ or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(SECONDS * 8, process.kill)
    watchdog.start()
    try:
        yield FrailServer(process, plan)
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
        with process:
            process.wait(SECONDS)


if __name__ == "__main__":
    sys.exit(main())
