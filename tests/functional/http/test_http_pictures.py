"""Pictures through the real server and the real command, to a vision model with random weights."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from domain.inference.picture_table import listed_pictures, without_tables
from tests.support.drawn import drawn, tags
from tests.support.miniatures.seeing import QWEN

ROOT = Path(__file__).resolve().parents[3]
EXIF = tags(
    {0x010F: "Acme", 0x0110: "X1"},
    {0x9003: "2024:05:06 07:08:09"},
    {1: "S", 2: (33.0, 51.0, 0.0), 3: "E", 4: (151.0, 12.0, 0.0)},
)
RED, GREEN, BLUE = drawn(), drawn("JPEG", (40, 30), (0, 200, 0), exif=EXIF), drawn("WEBP", (20, 30), (0, 0, 200))
KINDS = {RED: "png", GREEN: "jpeg", BLUE: "webp"}


def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "MLXK_WORKSPACE_HOME": str(home / "models")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of which one sees, and three pictures."""
    home = tmp_path_factory.mktemp("home")
    QWEN.build(home / "models/eyes")
    for name, data in (("red.png", RED), ("green.jpg", GREEN), ("blue.webp", BLUE)):
        (home / name).write_bytes(data)
    return home


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The server's address."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "mlxk/__main__.py"), "serve", "--model", "eyes", "--port", "0", "--json"],
        cwd=home, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    with process:
        assert process.stdout is not None
        announced = ""
        for line in process.stdout:
            announced += line
            if line.startswith("}"):
                break
        yield str(json.loads(announced)["data"]["url"])
        process.terminate()
        process.wait(60)
        watchdog.cancel()


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[openai.OpenAI]:
    with serving(home) as url:
        yield openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def user(*parts: bytes | str) -> dict[str, Any]:
    def shown(part: bytes | str) -> dict[str, Any]:
        if isinstance(part, str):
            return {"type": "text", "text": part}
        url = f"data:image/{KINDS.get(part, 'png')};base64,{b64encode(part).decode()}"
        return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}

    return {"role": "user", "content": [shown(part) for part in parts]}


def ask(client: openai.OpenAI, *messages: dict[str, Any], model: str = "eyes", **fields: Any) -> Any:
    turns: Any = list(messages)
    return client.chat.completions.create(model=model, messages=turns, **{"max_tokens": 6, "temperature": 0, **fields})


def text(client: openai.OpenAI, *messages: dict[str, Any], **fields: Any) -> str:
    answer = ask(client, *messages, **fields)
    if not fields.get("stream"):
        return str(answer.choices[0].message.content)
    return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "mlxk/__main__.py"), "run", "eyes", "--max-tokens=6", "--temperature=0", *words],
        cwd=home, env=environment(home), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


def test_the_table_tells_what_the_files_do_and_a_stream_says_the_same(client: openai.OpenAI) -> None:
    whole = text(client, user("before", RED, "between", GREEN, "after"))
    assert "| 1 | image_" in whole
    assert ".png |  |  |  |" in whole
    assert ".jpeg | 33.8500°S, 151.2000°E | 2024-05-06T07:08:09 | Acme X1 |" in whole
    assert text(client, user("before", RED, "between", GREEN, "after"), stream=True) == whole
    assert without_tables(whole) == text(
        client, user("before", RED, "between", GREEN, "after"), extra_body={"mlxk": {"image_table": False}}
    )


def test_where_a_picture_stands_in_the_text_is_where_the_model_sees_it(client: openai.OpenAI) -> None:
    asked = ask(client, user("look at ", RED, "closely")).usage.prompt_tokens

    def remembered(*parts: bytes | str) -> int:
        body = {"model": "eyes", "messages": [user(*parts)]}
        told: Any = client.post("/cache/explain", body=body, cast_to=object)
        assert told["prompt_tokens"] == asked
        return int(told["matched_tokens"])

    assert remembered("look at ", RED, "closely") == asked
    assert remembered(RED, "look at closely") < remembered("look at close", RED, "ly") < asked


def test_numbers_hold_through_a_conversation_whether_or_not_pictures_are_sent_again(client: openai.OpenAI) -> None:
    first = text(client, user(RED, GREEN, "look"))
    said = {"role": "assistant", "content": first}
    numbers = {name: number for number, name in listed_pictures(first)}
    for history in (user(RED, GREEN, "look"), {"role": "user", "content": "look"}):
        second = text(client, history, said, user(BLUE, GREEN, "and these?"))
        listed = {name: number for number, name in listed_pictures(second)}
        assert sorted(listed.values()) == [2, 3]
        assert all(listed[name] == numbers[name] for name in listed.keys() & numbers.keys())


def test_a_chunk_answers_each_group_as_if_it_were_asked_alone(client: openai.OpenAI) -> None:
    chunked = ask(client, user(RED, GREEN, BLUE, "look"), extra_body={"chunk": 1, "mlxk": {"image_table": False}})
    alone = [
        ask(client, user(each, "look"), extra_body={"mlxk": {"image_table": False}}) for each in (RED, GREEN, BLUE)
    ]
    assert chunked.choices[0].message.content == "\n\n".join(each.choices[0].message.content for each in alone)
    assert chunked.usage.completion_tokens == sum(each.usage.completion_tokens for each in alone)
    assert chunked.usage.prompt_tokens == sum(each.usage.prompt_tokens for each in alone)


@pytest.mark.usefixtures("client")
def test_a_command_says_the_same_here_and_through_the_server(home: Path) -> None:
    words = ("--image", "red.png", "green.jpg", "--chunk", "1", "--verbose")
    through, here = run(home, *words), run(home, *words, "--local")
    assert "Answered through a running server" in through.stderr
    assert "Answered through a running server" not in here.stderr
    assert through.stdout == here.stdout
    assert "| 2 | image_" in here.stdout
    assert "| green.jpg |" in here.stdout


@pytest.mark.parametrize(
    ("part", "code", "words"),
    [
        (b"\x89PNG\r\n\x1a\n", "invalid_media", "messages.0.content"),
        (RED[:-30], "invalid_media", "messages.0.content"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "invalid_media", "this is an SVG drawing"),
        (b"", "invalid_media", "holds no bytes"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_place(client: openai.OpenAI, part: bytes, code: str, words: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, user(part, "look"))
    assert (caught.value.code, caught.value.param) == (code, caught.value.param)
    assert words in str(caught.value)


def test_a_picture_larger_than_one_may_be_is_refused_by_its_place(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, user(RED, RED + bytes(20_000_000), "look"))
    assert (caught.value.status_code, caught.value.body["param"]) == (413, "messages.0.content.1")  # type: ignore[index]


def test_a_text_model_goes_on_with_the_conversation_without_the_pictures(client: openai.OpenAI) -> None:
    history = (user(RED, "look"), {"role": "assistant", "content": "Nice."})
    assert text(client, *history, {"role": "user", "content": "Who are you?"}, model="mlxk/demo")
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, *history, user(RED, "and this?"), model="mlxk/demo")
    assert (caught.value.code, caught.value.param) == ("capability_mismatch", "messages.2.content")
