"""The real server, gunicorn and all, as a process of its own, over fake workers that a test commands.

    python -m tests.support.http_server '{"flags": {...}, "limits": {...}, "grace_seconds": 5}'

"register": a folder in the plan lets the server enter itself there, as a real one does in the user's cache.

The process prints one JSON line when it is ready ({"url": ...}), and answers each command it reads with its state:
{"hold_after": 1} changes the fake workers' script, {"hold_vectors": true} keeps vectors and scores back,
{"live": [...]} says what samples are heard as, {"open_gate": true} lets the slow model load, {"ask": "state"} changes
nothing.
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
from functools import partial
from pathlib import Path
from typing import Any

from adapters.server_client.entries import ServerFolder
from adapters.worker_process.request_messages import encode_request
from domain.errors import GenerationFailed
from domain.inference import OutputFormat, ReasoningMarks, ToolMarks
from entrypoints.http.front import Serving
from entrypoints.http.limits import HttpLimits
from entrypoints.http.server import serve
from entrypoints.settings import Settings, load_settings
from ports.running_servers import ServerRegister
from tests.support.fakes.event_worker import FAULT
from tests.support.fakes.http_services import EARS, MODELS, VECTOR_MODELS, ChildLauncher, FakeServices
from tests.support.fakes.worker import Script

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0
CALL = '{"name": "weather", "arguments": {"city": "Bonn am Rhein"}}'
SMALL_THREADS = {"threads": 48, "open_answers": 8, "slow_clients": 8, "realtime_sessions": 2}


def main() -> int:
    plan = json.loads(sys.argv[1])
    settings = load_settings({"port": 0, "log_level": "debug", **plan["flags"]}, dict(os.environ))
    limits = HttpLimits(**plan["limits"])
    register = ServerFolder(Path(plan["register"])) if plan["register"] else None
    factory = partial(_services, register=register)
    return serve(settings, _announce, services_factory=factory, limits=limits, grace_seconds=plan["grace_seconds"])


def _say(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def _announce(serving: Serving) -> None:
    _say(url=serving.url, port=serving.port, model=serving.model, process=os.getpid())


def _services(settings: Settings, register: ServerRegister | None = None) -> FakeServices:
    script = Script(
        answers={
            "count": " ".join(str(number) for number in range(1, 21)),
            "hi": "hello there",
            "ponder": "<think>two and two</think>four it is",
            "fetch": f"<think>where?</think>Wait. <call>{CALL}</call>",
        },
        output_format=OutputFormat(ReasoningMarks("<think>", "</think>"), ToolMarks("<call>", "</call>", json=True)),
        cached_tokens=1,
        refuse={"fail": FAULT},
    )
    if settings.preload_model.value == "org/one":
        script.fail_to_load["org/one"] = GenerationFailed("its weights are odd")
    launcher = ChildLauncher(script)
    threading.Thread(target=_obey, args=(launcher,), daemon=True).start()
    models = (*MODELS, *VECTOR_MODELS, EARS)
    return FakeServices(launcher, models, register, preload=settings.preload_model.value)


def _obey(launcher: ChildLauncher) -> None:
    for line in sys.stdin:
        command = json.loads(line)
        if command.get("open_gate"):
            launcher.gate.set()
        elif "hold_vectors" in command:
            launcher.script.vectors.held = bool(command["hold_vectors"])
            launcher.changed()
        elif "live" in command:
            launcher.script.sounds.live[:] = command["live"]
        elif "ask" not in command:
            for name, value in command.items():
                setattr(launcher.script, name, value)
            launcher.changed()
        _say(
            running=sum(worker.running for worker in launcher.workers),
            children=[child.pid for child in launcher.children],
            asked=[encode_request(request) for worker in launcher.workers for request in worker.requests],
            heavy=sorted({"mlx", "numpy", "transformers"} & set(sys.modules)),
        )


class Server:
    """A handle on that process. url: without a trailing slash."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.told: dict[str, Any] = {}
        self._guard = threading.Lock()

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def port(self) -> int:
        return int(self.told["port"])

    def tell(self, **command: object) -> dict[str, Any]:
        with self._guard:
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            return self.read()

    def read(self) -> dict[str, Any]:
        """The next line it says; {} when it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def running(self) -> int:
        """Streams that the fake workers are answering."""
        return int(self.tell(ask="state")["running"])

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for its end: exit code and what it logged."""
        _, log = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, log


@contextlib.contextmanager
def started(
    *,
    limits: Mapping[str, float] | None = None,
    grace_seconds: float = 10.0,
    wait: bool = True,
    register: Path | None = None,
    **flags: object,
) -> Iterator[Server]:
    """wait: until it is ready. register: where it enters itself."""
    plan = {
        "flags": flags,
        "limits": {**SMALL_THREADS, **(limits or {})},
        "grace_seconds": grace_seconds,
        "register": None if register is None else str(register),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.http_server", json.dumps(plan)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    server = Server(process)
    watchdog = threading.Timer(SECONDS * 4, process.kill)
    watchdog.start()
    try:
        if wait:
            server.told = server.read()
            assert server.told, process.communicate()[1]
        yield server
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
        with process:
            process.wait(SECONDS)


if __name__ == "__main__":
    sys.exit(main())
