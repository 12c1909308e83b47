"""`mlxk serve` as a user starts it: real processes, real MLX, the built-in model, the official client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from scripts.train_demo.conversations import PAIRS
from tests.support.eventually import eventually
from tests.support.processes import descendants, workers
from tests.support.raw_http import RawClient

ROOT = Path(__file__).resolve().parents[3]
ANSWERS = dict(PAIRS)
QUESTION = "Who are you?"
MODEL_LIBRARIES = ("/mlx", "/numpy", "/transformers", "libmlx")


class Running:
    """A started server. url: with /v1."""

    def __init__(self, process: subprocess.Popen[str], facts: dict[str, Any]) -> None:
        self.process = process
        self.url = f"{facts['url']}/v1"
        self.port = int(facts["port"])
        self.model = facts["model"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("home")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "mlxk" / "__main__.py"), "serve", "--model", "demo", "--port", "0", "--json"],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(240, process.kill)
    watchdog.start()
    with process:
        assert process.stdout is not None
        yield Running(process, _first_object(process))
        process.terminate()
        watchdog.cancel()


@pytest.fixture(scope="module")
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=60) as made:
        yield made


def _first_object(process: subprocess.Popen[str]) -> dict[str, Any]:
    text = ""
    assert process.stdout is not None
    for line in process.stdout:
        text += line
        if line.startswith("}"):
            envelope = json.loads(text)
            assert envelope["status"] == "success", envelope
            facts: dict[str, Any] = envelope["data"]
            return facts
    raise AssertionError(process.communicate())


def ask(client: openai.OpenAI, question: str = QUESTION, **fields: Any) -> str:
    answer = client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": question}], temperature=0, **fields
    )
    return str(answer.choices[0].message.content)


def test_the_built_in_model_answers_whole_and_streamed_alike(client: openai.OpenAI) -> None:
    assert ask(client) == ANSWERS[QUESTION]
    chunks = list(
        client.chat.completions.create(
            model="mlxk/demo",
            messages=[{"role": "user", "content": QUESTION}],
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(each.choices[0].delta.content or "" for each in chunks if each.choices) == ANSWERS[QUESTION]
    assert chunks[-2].choices[0].finish_reason == "stop"
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens > 5


def test_the_model_is_listed_as_ours(client: openai.OpenAI, server: Running) -> None:
    listed = list(client.models.list())
    assert (listed[0].id, listed[0].owned_by) == ("mlxk/demo", "mlxk-builtin")
    assert server.model == "mlxk/demo"


def test_limits_and_stop_strings_end_an_answer_truly(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": QUESTION}], temperature=0, max_completion_tokens=4
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    word = ANSWERS[QUESTION].split()[3]
    assert ask(client, stop=word) == ANSWERS[QUESTION].partition(word)[0]


def test_the_same_seed_gives_the_same_answer(client: openai.OpenAI) -> None:
    def hot() -> str | None:
        answer = client.chat.completions.create(
            model="demo", messages=[{"role": "user", "content": "Hello"}], temperature=1.5, seed=5, max_tokens=30
        )
        return answer.choices[0].message.content

    assert hot() == hot()


def test_many_at_once_each_get_their_own_answer(client: openai.OpenAI) -> None:
    questions = [question for question, _ in PAIRS[:12]]
    alone = {question: ask(client, question, max_tokens=40) for question in questions}
    together: dict[str, str] = {}
    threads = [
        threading.Thread(target=lambda each=each: together.update({each: ask(client, each, max_tokens=40)}))
        for each in questions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_a_prompt_longer_than_the_context_is_refused_by_numbers(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "word " * 5000)
    assert caught.value.code == "context_length_exceeded"


def test_a_killed_worker_is_replaced_unnoticed(client: openai.OpenAI, server: Running) -> None:
    ask(client)
    os.kill(workers(server.process.pid)[0], signal.SIGKILL)
    assert ask(client) == ANSWERS[QUESTION]


def test_a_worker_killed_under_a_stream_is_a_typed_error_and_the_next_answer_works(
    client: openai.OpenAI, server: Running
) -> None:
    body = {"model": "demo", "stream": True, "temperature": 2, "seed": 1, "max_tokens": 1900, "top_p": 1}
    victim = workers(server.process.pid)[0]
    with RawClient(server.port) as raw:
        raw.post("/v1/chat/completions", {**body, "messages": [{"role": "user", "content": "Tell me"}]})
        raw.read_until(b'"delta":{"content":"')
        os.kill(victim, signal.SIGKILL)
        told = raw.read_until(b"\r\n0\r\n\r\n")
    assert b'"type":"engine_died"' in told
    assert b"[DONE]" not in told
    assert ask(client) == ANSWERS[QUESTION]


def test_a_whole_answer_that_was_being_made_survives_the_kill_beside_a_stream_that_does_not(
    client: openai.OpenAI, server: Running
) -> None:
    """The whole one is admitted first, so it runs when the stream shows its first text."""
    body = {"model": "demo", "stream": True, "temperature": 2, "seed": 1, "max_tokens": 1900, "top_p": 1}
    story: list[str] = []
    asking = threading.Thread(target=lambda: story.append(ask(client, "Tell me a long story.")))
    victim = workers(server.process.pid)[0]
    with RawClient(server.port) as raw:
        asking.start()
        raw.post("/v1/chat/completions", {**body, "messages": [{"role": "user", "content": "Tell me"}]})
        raw.read_until(b'"delta":{"content":"')
        os.kill(victim, signal.SIGKILL)
        assert b'"type":"engine_died"' in raw.read_until(b"\r\n0\r\n\r\n")
    asking.join(60)
    assert story == [ANSWERS["Tell me a long story."]]
    assert workers(server.process.pid)[0] != victim


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_neither_server_process_has_ever_loaded_a_model_library(client: openai.OpenAI, server: Running) -> None:
    ask(client)
    below = descendants(server.process.pid)
    front = [server.process.pid, *(each for each, command in below.items() if " worker --fd " not in command)]
    assert len(front) == 2
    for each in front:
        maps = Path(f"/proc/{each}/maps").read_text()
        assert not [line for line in maps.splitlines() if any(name in line for name in MODEL_LIBRARIES)]


def test_ctrl_c_leaves_no_process_behind(server: Running) -> None:
    """Last: it ends the module's server."""
    below = descendants(server.process.pid)
    assert len(below) >= 2
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0
    eventually(lambda: not alive(below), "every process to be gone")
    assert server.process.stderr is not None
    assert "Traceback" not in server.process.stderr.read()


def alive(processes: dict[int, str]) -> list[int]:
    found = []
    for each in processes:
        try:
            os.kill(each, 0)
        except ProcessLookupError:
            continue
        found.append(each)
    return found
