"""Conversations over the chat route with a model that only hears."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from domain.inference.sound import SoundBytes
from domain.inference.transcription import TranscriptionRequest
from entrypoints.http.app import create_app
from entrypoints.http.limits import HttpLimits
from tests.support.fakes.http_services import EARS, FakeServices, served

SOUND = "Good morning to you.\nThe train is late."
TEXT = "Good morning to you. The train is late."
CHAT = served("org/chat")
SEEING = served("org/eyes", capabilities=("text-generation", "chat", "vision"), backend="mlx-vlm")


class House:
    def __init__(self) -> None:
        self.services = FakeServices(models=(CHAT, EARS, SEEING))
        self.client: FlaskClient = create_app(self.services, HttpLimits()).test_client()

    def ask(self, content: Any, *, model: str = "org/ears", **fields: Any) -> Any:
        turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
        return self.client.post("/v1/chat/completions", json={"model": model, "messages": turns, **fields})

    @property
    def heard(self) -> TranscriptionRequest:
        request = self.services.launcher.workers[-1].sound_requests[-1]
        assert isinstance(request, TranscriptionRequest)
        return request


@pytest.fixture
def house() -> House:
    return House()


def sound(text: str = SOUND, form: str | None = "wav") -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    return {"type": "input_audio", "input_audio": {"data": data, **({"format": form} if form else {})}}


def test_the_answer_is_what_is_said(house: House) -> None:
    answer = house.ask([{"type": "text", "text": "Names: Anna."}, sound()], temperature=0.2, max_tokens=5).get_json()
    (choice,) = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (TEXT, "stop")
    assert answer["usage"]["completion_tokens"] == 8
    heard = house.heard
    assert heard.sound == SoundBytes(SOUND.encode(), "sound.wav")
    assert (heard.prompt, heard.language, heard.temperature) == ("Names: Anna.", None, 0.2)


def test_it_streams_segment_by_segment(house: House) -> None:
    lines = house.ask([sound()], stream=True).get_data(as_text=True).splitlines()
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    pieces = [each["choices"][0]["delta"].get("content") for each in chunks if each["choices"]]
    assert [piece for piece in pieces if piece] == ["Good morning to you.", " The train is late."]
    assert lines[-2] == "data: [DONE]"


def test_a_table_of_segments_stands_behind_the_text_where_the_owner_wants_one(house: House) -> None:
    house.services.table = True
    content = house.ask([sound()]).get_json()["choices"][0]["message"]["content"]
    assert content == (
        f"{TEXT}\n\n| Start | End | Text |\n| ---: | ---: | --- |\n"
        "| 00:00:00.000 | 00:00:04.000 | Good morning to you. |\n"
        "| 00:00:04.000 | 00:00:08.000 | The train is late. |\n"
    )


def test_text_alone_is_sent_to_the_right_place(house: House) -> None:
    error = house.ask("What is said?").get_json()["error"]
    assert (error["code"], error["param"]) == ("capability_mismatch", "messages.1.content")
    assert "/v1/audio/transcriptions" in error["hint"]


@pytest.mark.parametrize(
    ("content", "fields", "param"),
    [
        ([sound(), sound("b")], {}, "messages.1.content"),
        ([sound("")], {}, "messages.1.content.0.input_audio.data"),
        ([{"type": "input_audio"}], {}, "messages.1.content.0.input_audio.data"),
        ([{"type": "input_audio", "input_audio": {"data": "%%%"}}], {}, "messages.1.content.0.input_audio.data"),
        ([sound(form="exe")], {}, "messages.1.content.0.input_audio.format"),
        ([sound()], {"temperature": 1.5}, "temperature"),
        ([sound()], {"stop": "x"}, "stop"),
        ([sound()], {"response_format": {"type": "json_object"}}, "response_format"),
        ([sound()], {"logprobs": True}, "logprobs"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(house: House, content: Any, fields: dict[str, Any], param: str) -> None:
    answer = house.ask(content, **fields)
    assert answer.status_code == 400, answer.get_data(as_text=True)
    assert answer.get_json()["error"]["param"] == param
    assert not house.services.launcher.workers or not house.services.launcher.workers[0].sound_requests


def test_two_sounds_are_refused_by_their_number(house: House) -> None:
    assert "2 sounds, and one request may have 1" in house.ask([sound(), sound("b")]).get_json()["error"]["message"]


@pytest.mark.parametrize("model", ["org/chat", "org/eyes"])
def test_other_models_hear_no_sounds_in_a_conversation(house: House, model: str) -> None:
    answer = house.ask([{"type": "text", "text": "What is said?"}, sound()], model=model)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] == "capability_mismatch"
    assert "hears no sounds" in answer.get_json()["error"]["message"]


def test_sounds_of_earlier_turns_say_nothing(house: House) -> None:
    turns = [
        {"role": "user", "content": [sound("Something else.")]},
        {"role": "assistant", "content": "Something else."},
        {"role": "user", "content": [sound()]},
    ]
    answer = house.client.post("/v1/chat/completions", json={"model": "org/ears", "messages": turns}).get_json()
    assert answer["choices"][0]["message"]["content"] == TEXT
