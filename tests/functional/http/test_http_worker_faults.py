"""The real server over real models whose processes are killed, abort, hang, run out of memory or do not load."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.builtin_model import builtin_model_folder
from scripts.train_demo.conversations import PAIRS
from tests.functional.http.test_http_life import is_gone, is_zombie
from tests.support.eventually import eventually
from tests.support.frail_server import CHAT, FrailServer, frail
from tests.support.raw_http import Answer, RawClient

QUESTION = "Who are you?"
RIGHT = dict(PAIRS)[QUESTION]
HANGS = "hang for ever"
ENDLESS = (
    "{%- if '" + HANGS + "' in messages[-1].content -%}"
    "{%- for a in range(99999) -%}{%- for b in range(99999) -%}{%- endfor -%}{%- endfor -%}{%- endif -%}"
)


def copy_of_demo(folder: Path) -> Path:
    shutil.copytree(builtin_model_folder(), folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrailServer]:
    """Besides the built-in model: `hostile`, whose template need not end, and `odd`, whose weights do not fit."""
    home = tmp_path_factory.mktemp("frail")
    hostile = copy_of_demo(home / "workspaces" / "hostile") / "chat_template.jinja"
    hostile.write_text(ENDLESS + hostile.read_text(encoding="utf-8"), encoding="utf-8")
    odd = copy_of_demo(home / "workspaces" / "odd") / "config.json"
    config = json.loads(odd.read_text(encoding="utf-8"))
    odd.write_text(json.dumps({**config, "intermediate_size": 2 * config["intermediate_size"]}), encoding="utf-8")
    environ = {"MLXK_WORKSPACE_HOME": str(home / "workspaces")}
    with frail(home, environ=environ, preload_model="demo") as running:
        yield running


@pytest.fixture(autouse=True)
def sound(server: FrailServer) -> Iterator[None]:
    """Whatever happened, the next answer is right, and the server says that it is ready."""
    yield
    assert server.went_as_planned()
    assert text_of(server.post(asking())) == RIGHT
    server.becomes_ready()


def asking(question: str = QUESTION, **fields: Any) -> dict[str, Any]:
    return {"model": "demo", "messages": [{"role": "user", "content": question}], "temperature": 0, **fields}


def text_of(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return str(answer.json()["choices"][0]["message"]["content"])


def streamed(server: FrailServer) -> tuple[str, dict[str, Any] | None]:
    """The text that was shown, and the error that ended it."""
    with RawClient(server.port) as client:
        client.post(CHAT, asking(stream=True))
        told = client.read_until(b"\r\n0\r\n\r\n").decode()
    chunks = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: {")]
    shown = "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks if each.get("choices"))
    errors = [each["error"] for each in chunks if "error" in each]
    assert bool(errors) != ("data: [DONE]" in told), "an error is the end, and nothing else but [DONE] is"
    return shown, errors[0] if errors else None


def deaths(server: FrailServer, cause: str, model: str = "mlxk/demo") -> float:
    return server.metric(f'mlxk_worker_deaths_total{{model="{model}",cause="{cause}"}}')


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("SIGKILL", "killed"),
        ("hog", "memory"),
        pytest.param("SIGABRT", "aborted", marks=pytest.mark.nightly),
        pytest.param("SIGSEGV", "crashed", marks=pytest.mark.nightly),
    ],
)
def test_a_worker_that_dies_over_a_prompt_is_replaced_and_nobody_notices(
    server: FrailServer, how: str, cause: str
) -> None:
    before = deaths(server, cause)
    server.plans(f"step 1 {how}")
    assert streamed(server) == (RIGHT, None)
    assert deaths(server, cause) == before + 1


@pytest.mark.parametrize(
    ("how", "hint"),
    [
        ("SIGABRT", "Metal"),
        pytest.param("SIGKILL", "out of memory", marks=pytest.mark.nightly),
        pytest.param("hog", "free some memory", marks=pytest.mark.nightly),
    ],
)
def test_a_worker_that_dies_over_an_answer_that_is_shown_ends_it_with_an_error(
    server: FrailServer, how: str, hint: str
) -> None:
    server.plans(f"step 8 {how}")
    shown, error = streamed(server)
    assert shown
    assert RIGHT.startswith(shown) and shown != RIGHT
    assert error is not None
    assert (error["type"], error["retryable"]) == ("engine_died", True)
    assert hint in error["hint"]


def test_an_answer_that_is_shown_whole_is_made_again(server: FrailServer) -> None:
    server.plans("step 8 SIGABRT")
    assert text_of(server.post(asking())) == RIGHT


def test_a_worker_that_is_killed_while_nobody_asks_is_back_before_anybody_does(server: FrailServer) -> None:
    victim = server.workers()[0]
    before = server.metric('mlxk_worker_restarts_total{model="mlxk/demo"}')
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: server.get("/ready").status == 503, "the death to be told")
    assert server.get("/health").status == 200
    server.becomes_ready()
    assert server.workers()[0] != victim
    assert server.metric('mlxk_worker_restarts_total{model="mlxk/demo"}') == before + 1


def test_a_worker_that_is_killed_while_it_loads_fails_that_request_only(server: FrailServer) -> None:
    server.plans("load 1 SIGKILL")
    failed = server.post(asking(model="hostile"))
    assert (failed.status, failed.json()["error"]["type"]) == (502, "engine_died")
    assert server.metric('mlxk_model_load_failures_total{model="hostile"}') == 1
    assert text_of(server.post(asking(model="hostile"))) == RIGHT


def test_a_model_that_does_not_load_is_an_error_and_the_server_lives(server: FrailServer) -> None:
    failed = server.post(asking(model="odd"))
    assert (failed.status, failed.json()["error"]["type"]) == (500, "model_load_failed")
    assert failed.headers["x-should-retry"] == "false"
    assert "cannot load odd" in failed.json()["error"]["message"]
    assert server.get("/ready").status == 200


@pytest.mark.parametrize("how", ["SIGSTOP", "spin"])
def test_an_engine_that_hangs_is_told_of_and_then_replaced(server: FrailServer, how: str) -> None:
    before = deaths(server, "hung")
    server.plans(f"step 8 {how}")
    with RawClient(server.port) as client:
        client.post(CHAT, asking())
        eventually(lambda: server.get("/ready").status == 503, "the silence to be told")
        ready, health = server.get("/ready"), server.get("/health")
        assert (ready.status, health.status) == (503, 200)
        assert "the engine of mlxk/demo has" in ready.json()["reason"]
        assert text_of(client.answer()) == RIGHT, "nothing of it had been shown: it is made again"
    assert deaths(server, "hung") == before + 1


def test_an_engine_that_hangs_while_nobody_asks_is_replaced_too(server: FrailServer) -> None:
    victim = server.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    eventually(lambda: server.get("/ready").status == 503, "the silence to be told")
    eventually(lambda: is_gone(victim), "the process to be ended")
    server.becomes_ready()
    assert server.workers()[0] != victim


def test_a_template_that_never_ends_fails_its_own_request_and_no_other(server: FrailServer) -> None:
    """Only the end of its process ends it; the request is tried once more, alone, before it is failed."""
    before = deaths(server, "hung", "hostile")
    with RawClient(server.port) as hanging, RawClient(server.port) as other:
        hanging.post(CHAT, asking(HANGS, model="hostile"))
        eventually(lambda: server.metric('mlxk_preparing_requests{model="hostile"}') == 1, "the template to begin")
        other.post(CHAT, asking(model="hostile"))
        assert text_of(other.answer()) == RIGHT
        failed = hanging.answer()
    assert (failed.status, failed.json()["error"]["type"]) == (502, "engine_died")
    assert "has been in one request's template or tokenizer" in failed.json()["error"]["message"]
    assert deaths(server, "hung", "hostile") == before + 2


def test_a_client_that_leaves_before_its_first_token_takes_its_row_along(server: FrailServer) -> None:
    with RawClient(server.port) as client:
        client.post(CHAT, asking("word " * 300, max_tokens=1500, stream=True, temperature=2))
    eventually(lambda: server.metric('mlxk_requests_running{model="mlxk/demo"}') == 0, "the request to end")
    eventually(lambda: busy(server) == 0, "the row to leave the batch")


def busy(server: FrailServer) -> float:
    kinds = ("batch_rows", "reading_rows", "preparing_requests")
    return sum(server.metric(f'mlxk_{kind}{{model="mlxk/demo"}}') for kind in kinds)


def test_a_front_that_is_killed_takes_its_workers_along(server: FrailServer) -> None:
    """Last: the next serving process loads its models afresh."""
    old = server.workers()
    with RawClient(server.port) as client:
        client.post(CHAT, asking(stream=True, temperature=2, seed=1, max_tokens=1500))
        client.read_until(b'"content":"')
        os.kill(server.serving, signal.SIGKILL)
        eventually(lambda: all(is_gone(each) or is_zombie(each) for each in old), "the workers to leave")
    eventually(lambda: not refused(server), "the next serving process")


def refused(server: FrailServer) -> bool:
    try:
        return server.get("/ready").status != 200
    except (OSError, EOFError):
        return True
