"""What a server remembers of prompts, as its users see it: real processes, real MLX, the built-in model."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.builtin_model import builtin_model_folder
from scripts.train_demo.conversations import MULTI_TURN
from tests.support.cli_process import clean_environment, mlxk
from tests.support.isolated_cache import cache_under

ROOT = Path(__file__).resolve().parents[3]
FIRST_TURN, ANSWER = MULTI_TURN[0]
DISK = ("--cache-disk", "64MB")

Turns = Sequence[dict[str, str]]


@dataclass
class Server:
    """A started server. log: what it and its workers said, once it has ended."""

    process: subprocess.Popen[str]
    host: str
    model: str
    log: str = ""

    def post(self, path: str, turns: Turns, **fields: Any) -> dict[str, Any]:
        body = {"model": self.model, "messages": list(turns), "temperature": 0, "max_tokens": 40, **fields}
        return self._send("POST", path, json.dumps(body))

    def loaded_token(self) -> str:
        [model] = self._send("GET", f"/v1/mlxk/server?challenge={'0' * 32}")["models"]
        return str(model["load"])

    def _send(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=60)) as line:
            line.request(method, path, body, {"Content-Type": "application/json"})
            answered = line.getresponse()
            told: dict[str, Any] = json.load(answered)
        assert answered.status == 200, told
        return told

    def ask(self, turns: Turns, **fields: Any) -> tuple[str, int]:
        """The answer, and how many tokens of the prompt were not read again."""
        told = self.post("/v1/chat/completions", turns, **fields)
        return told["choices"][0]["message"]["content"], told["usage"]["prompt_tokens_details"]["cached_tokens"]

    def explain(self, turns: Turns, **fields: Any) -> dict[str, Any]:
        return self.post("/v1/cache/explain", turns, **fields)


@contextmanager
def serving(env: dict[str, str], *flags: str, model: str = "demo") -> Iterator[Server]:
    command = [sys.executable, str(ROOT / "mlxk" / "__main__.py"), "serve", "--model", model, "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, *flags],
        cwd=env["HOME"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        facts = json.loads("".join(lines))
        assert facts["status"] == "success", facts
        server = Server(process, f"127.0.0.1:{facts['data']['port']}", facts["data"]["model"])
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()
        watchdog.cancel()
    server.log = log


def home(folder: Path) -> dict[str, str]:
    return clean_environment(folder, HOME=str(folder))


def documented() -> dict[str, Any]:
    """The example in docs/server.md."""
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    start = page.index('{\n  "object": "mlxk.prompt_explanation"')
    example: dict[str, Any] = json.JSONDecoder().raw_decode(page[start:])[0]
    return example


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_a_conversation_goes_on_where_it_was_also_after_a_restart_and_not_after_a_clear(tmp_path: Path) -> None:
    env = home(tmp_path)
    follow_up = [*FIRST_TURN, turn("assistant", ANSWER), turn("user", "How do I list models?")]
    with serving(env, *DISK, "--log-level", "debug") as server:
        assert server.ask(FIRST_TURN) == (ANSWER, 0)
        answer, cached = server.ask(follow_up)
        assert cached > 0
        changed = [turn("user", "Hello?"), *follow_up[1:]]
        told = server.explain(changed, stream=True)
        assert told == {**documented(), "guard": told["guard"]}
        assert told["reusable_tokens"] == server.ask(changed)[1]
        assert server.explain(follow_up)["reusable_tokens"] == server.ask(follow_up)[1] > cached
    assert " prompt tokens were reused. When it came: No prompt is remembered." in server.log
    assert f": {cached} of " in server.log
    assert told["message"] in server.log
    with serving(env, *DISK) as server:
        assert server.explain(follow_up)["reusable_tokens"] > cached
        warm, again = server.ask(follow_up)
        assert (warm, again > cached) == (answer, True), "what was written down is used"
        cleared = mlxk("cache", "clear", env=env)
        assert (cleared.returncode, b"Forgot" in cleared.stdout) == (0, True), cleared
        assert server.explain(follow_up)["kind"] == "nothing_remembered", "nor is its text told any more"
        assert server.ask(follow_up) == (answer, 0), "cold and warm are the same"
        assert server.ask(follow_up)[1] > cached, "it remembers anew"
    assert "prompt tokens were reused" not in server.log, "that is for those who debug"


def test_a_removed_model_takes_what_the_running_server_remembers_along(tmp_path: Path) -> None:
    env = home(tmp_path)
    snapshot = cache_under(tmp_path) / "hub" / "models--org--small" / "snapshots" / ("ab12" + "0" * 36)
    shutil.copytree(builtin_model_folder(), snapshot)
    with serving(env, *DISK, model="org/small") as server:
        token = server.loaded_token()
        assert server.ask(FIRST_TURN) == (ANSWER, 0)
        assert server.ask(FIRST_TURN, mlxk={"loaded": token})[1] > 0
        removed = mlxk("rm", "org/small", "--yes", env=env)
        assert removed.returncode == 0, removed
        assert not snapshot.exists()
        assert server.explain(FIRST_TURN, mlxk={"loaded": token})["kind"] == "nothing_remembered"
        assert server.ask(FIRST_TURN, mlxk={"loaded": token}) == (ANSWER, 0)
