"""Requests with pictures over fake workers: tables, models that only read, and room for large bodies."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from domain.errors import PayloadTooLarge, ServerBusy
from entrypoints.http import media_room
from entrypoints.http.app import create_app
from entrypoints.http.limits import HttpLimits
from entrypoints.http.media_room import COPIES_WHILE_READ, MediaRoom, Room, read_chat
from tests.support.fakes.event_worker import EventLauncher
from tests.support.fakes.http_services import DEMO, FakeServices, served
from tests.support.fakes.worker import Script
from tests.support.pictures import data_url, picture_bytes

ROOT = Path(__file__).resolve().parents[3]
CHAT = "/v1/chat/completions"
EYES = "org/eyes"
ONE, TWO = picture_bytes("png", b"1"), picture_bytes("png", b"2")
SEES = served(EYES, capabilities=("text-generation", "chat", "vision"), backend="mlx-vlm")
LIMITS = HttpLimits(chat_body_bytes=2000, picture_body_bytes=20_000, media_bytes=70_000)


def look(*pictures: bytes, text: str = "look") -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": data_url(each)}} for each in pictures]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


class House:
    def __init__(self) -> None:
        self.services = FakeServices(EventLauncher(Script(answers={"look": "Two dots."})), models=(served(DEMO), SEES))
        self.client: FlaskClient = create_app(self.services, LIMITS).test_client()

    def chat(self, *messages: dict[str, Any], model: str = EYES, **fields: Any) -> TestResponse:
        return self.client.post(CHAT, json={"model": model, "messages": list(messages), **fields})

    def said(self, response: TestResponse) -> str:
        assert response.status_code == 200, response.text
        text: str = response.get_json()["choices"][0]["message"]["content"]
        return text

    @property
    def requests(self) -> list[Any]:
        return [each for worker in self.services.launcher.workers for each in worker.requests]


@pytest.fixture
def house() -> House:
    return House()


def test_an_answer_about_pictures_begins_with_their_table(house: House) -> None:
    text = house.said(house.chat(look(ONE, TWO)))
    assert text.startswith("<details>\n<summary>Image Metadata (2 images)</summary>\n\n<!-- mlxk:filenames -->\n")
    assert text.endswith("</details>\n\nTwo dots.")


def test_a_stream_and_a_whole_answer_say_the_same(house: House) -> None:
    whole = house.said(house.chat(look(ONE, TWO), chunk=1))
    lines = house.chat(look(ONE, TWO), chunk=1, stream=True).text.splitlines()
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    pieces = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
    assert "".join(piece or "" for piece in pieces) == whole
    assert sum(bool(piece) for piece in pieces) == 6  # a table and two words, twice
    assert "Chunk 2/2: Image 2" in whole


def test_the_table_can_be_switched_off(house: House) -> None:
    assert house.said(house.chat(look(ONE), mlxk={"image_table": False})) == "Two dots."


def test_the_second_turn_keeps_numbers_and_the_model_reads_no_table(house: House) -> None:
    first = house.said(house.chat(look(ONE)))
    second = house.said(house.chat(look(), {"role": "assistant", "content": first}, look(TWO, ONE)))
    assert [line for line in second.splitlines() if "| image_" in line] == [
        line for line in sorted(second.splitlines()) if line.startswith(("| 1 |", "| 2 |"))
    ]
    assert house.requests[-1].messages[1].content == "Two dots."
    assert house.requests[-1].picture_numbers == (2, 1)


def test_a_model_that_only_reads_is_told_of_earlier_pictures_and_refused_for_new_ones(house: House) -> None:
    assert house.said(house.chat(look(ONE, text="what?"), {"role": "assistant", "content": "x"}, look(), model=DEMO))
    assert house.requests[-1].messages[0].text == "what?\n\n[1 image(s) were attached]"
    refused = house.chat(look(ONE), model=DEMO)
    error = refused.get_json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, "capability_mismatch", "messages.0.content")
    assert error["message"] == f"messages.0.content: {DEMO} cannot see pictures"


def test_pictures_of_an_explained_prompt_go_with_it(house: House) -> None:
    house.said(house.chat(look(ONE)))
    assert house.client.post("/v1/cache/explain", json={"model": EYES, "messages": [look(ONE)]}).status_code == 200
    refused = house.client.post("/v1/cache/explain", json={"model": DEMO, "messages": [look(ONE)]})
    assert refused.status_code == 400


# Room


def big(size: int) -> bytes:
    return picture_bytes("png", b"x" * size)


def test_a_body_with_pictures_may_be_larger_than_one_of_text(house: House) -> None:
    assert house.said(house.chat(look(big(6000))))
    too_long = house.chat(look(text="x" * 3000))
    assert (too_long.status_code, too_long.get_json()["error"]["type"]) == (413, "payload_too_large")
    assert "without its pictures the body is larger than 2,000 bytes" in too_long.get_json()["error"]["message"]
    assert house.chat(look(big(6000), text="x" * 2500)).status_code == 413


def test_a_body_over_the_larger_limit_is_refused_by_its_announced_length(house: House) -> None:
    assert "larger than 20,000 bytes" in house.chat(look(big(20_000))).get_json()["error"]["message"]


class Reading:
    """read_chat on its own, in a request of its own."""

    def __init__(self, room: MediaRoom) -> None:
        self.room = room
        self.held = ExitStack()
        self._app = Flask("reading")

    def read(self, message: dict[str, Any], **environment: Any) -> int:
        body = json.dumps({"model": "m", "messages": [message]}).encode()
        with self._app.test_request_context(
            CHAT, method="POST", data=body, content_type="application/json", environ_overrides=environment
        ):
            return read_chat(request, LIMITS, self.room, self.held).request.attached_bytes


@pytest.fixture
def reading() -> Iterator[Reading]:
    made = Reading(MediaRoom(LIMITS.media_bytes))
    yield made
    made.held.close()


def test_what_is_attached_has_its_room_until_the_answer_has_ended(reading: Reading) -> None:
    room = MediaRoom(30_000)
    reading.room = room
    small = big(1000)
    attached = reading.read(look(small))
    assert attached == len(small)
    with pytest.raises(ServerBusy), room.take(30_000 - attached + 1):
        pass
    reading.held.close()
    with room.take(30_000):
        pass


def test_a_large_body_needs_room_for_its_copies_before_it_is_read(reading: Reading) -> None:
    message = look(big(6000))
    size = len(json.dumps({"model": "m", "messages": [message]}))
    reading.room = MediaRoom(COPIES_WHILE_READ * size - 1)
    with pytest.raises(ServerBusy, match="room for pictures"):
        reading.read(message)
    reading.room = MediaRoom(COPIES_WHILE_READ * size)
    assert reading.read(message) == len(big(6000))


def test_text_is_read_however_full_the_room_is(reading: Reading) -> None:
    reading.room = MediaRoom(10)
    with reading.room.take(10):
        assert reading.read(look()) == 0
        with pytest.raises(ServerBusy):
            reading.read(look(ONE))


def test_a_body_that_does_not_announce_its_length_is_no_larger_than_text(reading: Reading) -> None:
    with pytest.raises(PayloadTooLarge, match="larger than 2,000 bytes"):
        reading.read(
            look(big(6000)), CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input_terminated": True}
        )


def test_a_large_body_waits_a_while_for_room() -> None:
    room = MediaRoom(10)
    other = room.take(8)
    got: list[Room] = []
    waiting = threading.Thread(target=lambda: got.append(room.take(5, patience_seconds=20)))
    waiting.start()
    other.shrink(6)
    with pytest.raises(ServerBusy):
        room.take(5)
    other.shrink(5)
    waiting.join(20)
    assert len(got) == 1
    with pytest.raises(ServerBusy):
        room.take(1, patience_seconds=0.01)


def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_room, "MOST_WAITING", 0)
    room = MediaRoom(10)
    with room.take(8), pytest.raises(ServerBusy):
        room.take(5, patience_seconds=600)


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries return large blocks by themselves")
def test_large_blocks_go_back_to_the_system_from_every_thread() -> None:
    """In a process of its own: it cannot be undone."""
    code = (
        "import sys, threading\n"
        "from entrypoints.http.large_blocks import return_large_blocks\n"
        "assert return_large_blocks()\n"
        "def resident():\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "def work():\n"
        "    for _ in range(3):\n"
        "        blocks = [b'x' * 20_000_000 for _ in range(3)]\n"
        "        del blocks\n"
        "before = resident()\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "[each.start() for each in threads]; [each.join() for each in threads]\n"
        "assert resident() - before < 20_000_000, resident() - before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_room_taken_by_many_threads_is_never_more_than_there_is() -> None:
    room, together, most = MediaRoom(5), [0], [0]
    guard = threading.Lock()

    def change(by: int) -> None:
        with guard:
            together[0] += by
            most[0] = max(most[0], together[0])

    def work() -> None:
        for _ in range(300):
            try:
                with room.take(2):
                    change(2)
                    change(-2)
            except ServerBusy:
                continue

    threads = [threading.Thread(target=work) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert 2 <= most[0] <= 5
    with room.take(5):
        pass
