"""/v1/audio/speech over fake workers: what is sent and what comes back."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from domain.errors import CapabilityMismatch, DependencyMissing, GenerationFailed, MlxkError
from domain.inference.sound import SoundFormat
from domain.inference.speech import SpeechEvent, SpeechPiece, SpeechRequest
from domain.inference.speech_limits import MOST_SPOKEN_CHARACTERS
from domain.serving.load_options import LoadOptions, Task
from entrypoints.http.app import create_app
from entrypoints.http.limits import HttpLimits
from entrypoints.http.presenters.speech import speech_bytes, speech_events
from tests.support.eventually import eventually
from tests.support.fakes.http_services import EARS, VOICE, FakeServices

SPEECH = "/v1/audio/speech"


class House:
    """The app over its fakes."""

    def __init__(self) -> None:
        self.services = FakeServices(models=(VOICE, EARS))
        self.client = create_app(self.services, HttpLimits(open_answers=1)).test_client()

    def post(self, **fields: Any) -> Any:
        return self.client.post(SPEECH, json={"model": "org/voice", "input": "Mind the gap.", **fields})

    @property
    def asked(self) -> SpeechRequest:
        request = self.services.launcher.workers[-1].sound_requests[-1]
        assert isinstance(request, SpeechRequest)
        return request

    @property
    def script(self) -> Any:
        return self.services.launcher.script.sounds


@pytest.fixture
def house() -> House:
    return House()


def events(answer: Any) -> list[dict[str, Any]]:
    blocks = [block.splitlines() for block in answer.get_data(as_text=True).split("\n\n") if block.startswith("event")]
    told = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name.removeprefix("event: ") for name, _ in blocks] == [each["type"] for each in told]
    return told


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [(None, "audio/mpeg"), ("mp3", "audio/mpeg"), ("wav", "audio/wav"), ("flac", "audio/flac"), ("pcm", "audio/pcm")],
)
def test_a_text_is_said_in_the_format_that_is_asked_for(house: House, kind: str | None, content_type: str) -> None:
    answer = house.post(response_format=kind)
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert answer.data == f"{kind or 'mp3'}:Mind the gap. ".encode()
    assert "Content-Length" not in answer.headers
    assert house.asked == SpeechRequest("Mind the gap.", format=SoundFormat(kind or "mp3"), streamed=True)
    assert house.services.launcher.options == [LoadOptions(task=Task.SPEAK)]


def test_wishes_reach_the_model(house: House) -> None:
    wishes = {"speed": 1.5, "instructions": "calm", "language": "de", "seed": 7}
    house.post(voice="anna", **wishes)
    expected = SpeechRequest("Mind the gap.", "anna", 1.5, SoundFormat.MP3, "de", "calm", 7, streamed=True)
    assert house.asked == expected
    house.post(voice={"id": "anna"})
    assert house.asked.voice == "anna"


def test_events_carry_the_pieces_of_the_file(house: House) -> None:
    answer = house.post(stream_format="sse", response_format="wav")
    assert answer.mimetype == "text/event-stream"
    *deltas, done = events(answer)
    assert b"".join(b64decode(each["audio"]) for each in deltas) == b"wav:Mind the gap. "
    assert {each["type"] for each in deltas} == {"speech.audio.delta"}
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 3, "output_tokens": 0, "total_tokens": 3},
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"), ({"input": " \n"}, "input"), ({"input": None}, "input"), ({"input": ["a"]}, "input"),
        ({"input": "x" * (MOST_SPOKEN_CHARACTERS + 1)}, "input"), ({"voice": 3}, "voice"), ({"voice": {}}, "voice"),
        ({"voice": {"id": " "}}, "voice"), ({"speed": 0.2}, "speed"), ({"speed": 4.1}, "speed"),
        ({"speed": "1"}, "speed"),
        ({"response_format": "opus"}, "response_format"), ({"response_format": "aac"}, "response_format"),
        ({"stream_format": "audio/wav"}, "stream_format"), ({"seed": -1}, "seed"), ({"seed": 1.5}, "seed"),
        ({"ref_audio": "/etc/passwd"}, "ref_audio"), ({"instructions": 3}, "instructions"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_named(house: House, fields: dict[str, Any], param: str) -> None:
    answer = house.post(**fields)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["param"] == param
    assert not house.services.launcher.options


def test_a_format_that_is_not_written_here_is_refused_with_those_that_are(house: House) -> None:
    assert "must be one of wav, mp3, flac, pcm" in house.post(response_format="opus").get_json()["error"]["message"]


def test_the_longest_text_is_taken(house: House) -> None:
    assert house.post(input="x" * MOST_SPOKEN_CHARACTERS).status_code == 200


def test_fields_that_nobody_knows_are_named_in_a_header(house: House) -> None:
    answer = house.post(mood="sunny", stream=True)
    assert answer.headers["X-Mlxk-Ignored-Fields"] == "mood"


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [("org/nobody", 404, "model_not_found"), ("org/ears", 400, "capability_mismatch")],
)
def test_a_model_that_cannot_is_refused_before_anything_is_loaded(
    house: House, model: str, status: int, code: str
) -> None:
    answer = house.post(model=model)
    assert answer.status_code == status
    assert answer.get_json()["error"]["code"] == code
    assert not house.services.launcher.options


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [(CapabilityMismatch("no voice 'x'", param="voice"), 400), (DependencyMissing("no misaki"), 501)],
)
def test_an_error_before_the_first_byte_is_a_status(
    house: House, fault: MlxkError, status: int, stream_format: str
) -> None:
    house.script.refuse = [fault]
    answer = house.post(stream_format=stream_format)
    assert answer.status_code == status
    assert answer.get_json()["error"]["message"] == fault.message


def test_a_later_fault_breaks_the_connection(house: House) -> None:
    house.script.broken = GenerationFailed("the model failed")
    with pytest.raises(ConnectionResetError):
        house.post().get_data()


def test_among_events_a_later_fault_is_an_event(house: House) -> None:
    house.script.broken = GenerationFailed("the model failed")
    answer = house.post(stream_format="sse")
    last = answer.get_data(as_text=True).strip().split("\n\n")[-1]
    assert json.loads(last.removeprefix("data: "))["error"]["message"] == "the model failed"
    assert "speech.audio.done" not in answer.get_data(as_text=True)


def test_a_place_is_given_back_when_the_answer_has_ended(house: House) -> None:
    for _ in range(3):
        assert house.post().status_code == 200
    house.script.refuse = [GenerationFailed("odd")]
    assert house.post().status_code == 500
    house.script.refuse = []
    assert house.post().status_code == 200


def test_a_client_that_goes_ends_the_speech(house: House) -> None:
    answer = house.post()
    answer.close()
    eventually(lambda: not house.services.launcher.workers[-1].running, "the speech ended")


def test_a_speech_without_its_end_is_no_whole_one() -> None:
    def pieces() -> Iterator[SpeechEvent | None]:
        yield None
        yield SpeechPiece(b"x")

    with pytest.raises(MlxkError):
        list(speech_bytes(pieces()))
    assert next(iter(speech_events(pieces()))) == b": keep-alive\n\n"
