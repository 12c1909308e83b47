"""Several real models behind one real server: turns, memory that comes back, pins, idleness, and deaths."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import openai
import pytest

from domain.serving.breaker import MOST_DEATHS
from tests.support.eventually import eventually
from tests.support.managed_server import ManagedServer, managed
from tests.support.miniatures import says
from tests.support.processes import descendants

NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models, each of which says its own name."""
    folder = tmp_path_factory.mktemp("models")
    for name in NAMES:
        says(folder / name, f"I am {name}")
    return folder


@pytest.fixture(scope="module")
def size(home: Path) -> int:
    return max(sum(path.stat().st_size for path in (home / name).iterdir()) for name in NAMES)


@pytest.fixture(scope="module")
def cramped(home: Path, size: int) -> Iterator[ManagedServer]:
    """A server with room for one model at a time."""
    with managed(home, budget_bytes=size * 3 // 2, rules={"aliases": {"uno": "one"}}) as server:
        yield server


def ask(server: ManagedServer, model: str) -> str:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        told = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "who are you?"}], temperature=0
        )
    return str(told.choices[0].message.content)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: Any


def call(server: ManagedServer, method: str, path: str, body: object = None) -> Answer:
    line = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=60)
    with closing(line):
        line.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        told = line.getresponse()
        return Answer(told.status, told.headers, json.loads(told.read()))


def post(server: ManagedServer, path: str, **body: object) -> Answer:
    return call(server, "POST", f"/v1/models/{path}", body)


def model(server: ManagedServer, name: str) -> Any:
    return call(server, "GET", f"/v1/models/{name}").body


def test_clients_of_two_models_that_do_not_fit_together_are_all_answered_in_few_switches(
    cramped: ManagedServer,
) -> None:
    """Each client asks one thing after another, as a user does."""

    def client(name: str) -> list[str]:
        return [ask(cramped, name) for _ in range(6)]

    with ThreadPoolExecutor(4) as together:
        answers = list(together.map(client, ["one", "two", "uno", "TWO"]))
    assert answers == [["I am one"] * 6, ["I am two"] * 6, ["I am one"] * 6, ["I am two"] * 6]
    stands = cramped.standing()
    assert sum(stands[name]["loads"] for name in ("one", "two")) <= 12, stands
    assert len(cramped.processes()) == 1
    assert sum(each["users"] + each["waiting"] for each in stands.values()) == 0


def test_two_spellings_at_once_load_one_worker(cramped: ManagedServer) -> None:
    post(cramped, "unload", model="one")
    before = cramped.standing()["one"]["loads"]
    with ThreadPoolExecutor(5) as together:
        answers = list(together.map(lambda name: ask(cramped, name), ["one", "ONE", "uno", "One", "Uno"]))
    assert set(answers) == {"I am one"}
    assert cramped.standing()["one"]["loads"] == before + 1


def test_a_pinned_model_is_named_to_a_newcomer_that_does_not_fit_beside_it(cramped: ManagedServer) -> None:
    assert post(cramped, "load", model="uno", pinned=True).body["pinned"] is True
    refused = post(cramped, "load", model="two")
    assert (refused.status, refused.headers["x-should-retry"]) == (507, "false")
    error = refused.body["error"]
    assert error["type"] == "insufficient_memory"
    assert error["message"].endswith("for models the pinned ones hold " + error["message"].rpartition("hold ")[2])
    assert error["message"].endswith(": one")
    assert ask(cramped, "one") == "I am one"
    assert post(cramped, "load", model="one", pinned=False).body["pinned"] is False
    assert ask(cramped, "two") == "I am two"


def test_unloading_ends_the_process_and_a_second_time_does_nothing(cramped: ManagedServer) -> None:
    told = post(cramped, "load", model="two").body
    assert (told["id"], told["state"], told["aliases"]) == ("two", "ready", [])
    process = cramped.processes()["two"]
    assert post(cramped, "unload", model="TWO").body == {"object": "model.unloaded", "id": "two", "was_loaded": True}
    assert process not in descendants(cramped.process.pid)
    assert post(cramped, "unload", model="two").body["was_loaded"] is False
    assert (model(cramped, "two")["state"], model(cramped, "two")["loaded_bytes"]) == ("unloaded", None)


def proportional_bytes(process_ids: list[int]) -> int:
    """PSS: shared pages count in parts, so that the sum is what the processes take together."""
    found = 0
    for each in process_ids:
        for line in Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                found += int(line.split()[1]) * 1024
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_unloading_gives_the_workers_memory_back(home: Path) -> None:
    """Of the server's whole tree; without a spare, whose imports take memory when they like."""
    with managed(home, spare=False) as server:

        def taken() -> int:
            return proportional_bytes([server.process.pid, *descendants(server.process.pid)])

        post(server, "load", model="two")
        post(server, "unload", model="two")
        before = taken()
        post(server, "load", model="one")
        held = taken() - before
        post(server, "unload", model="one")
        assert held > 10 * 1024**2
        assert taken() - before <= 0.05 * held


def test_a_model_that_keeps_dying_is_suspended_and_the_server_lives(cramped: ManagedServer) -> None:
    for _ in range(MOST_DEATHS):
        assert post(cramped, "load", model="three").status == 200
        os.kill(cramped.processes()["three"], signal.SIGKILL)
        eventually(lambda: "three" not in cramped.processes(), "the death to be noticed")
    refused = post(cramped, "load", model="three")
    assert (refused.status, refused.body["error"]["type"]) == (503, "model_suspended")
    assert int(refused.headers["Retry-After"]) == refused.body["error"]["detail"]["retry_after_seconds"]
    assert model(cramped, "three")["state"] == "suspended"
    assert ask(cramped, "one") == "I am one"


def test_a_model_that_nobody_asks_for_leaves_with_its_process(home: Path) -> None:
    with managed(home, model="one", idle_ttl="0.2s", rules={"idle_seconds": 0.2}) as server:
        eventually(lambda: server.processes() == {}, "the model to leave")
        assert model(server, "one")["state"] == "unloaded"
        assert ask(server, "one") == "I am one"


def test_a_model_of_the_settings_that_cannot_be_loaded_ends_the_start(home: Path) -> None:
    broken = home / "broken"
    says(broken, "nothing")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with managed(home, rules={"models": {"one": {"preload": True}, "broken": {"preload": True}}}) as server:
        assert "broken" in server.told["failed"]
        assert server.process.wait(30) == 1
