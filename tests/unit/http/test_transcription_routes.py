"""/v1/audio/transcriptions and /v1/audio/translations over fake workers: what is sent and what comes back."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import pytest
from flask.testing import FlaskClient

from domain.errors import DeadlineMissed, DependencyMissing, GenerationFailed, InvalidMedia, MlxkError
from domain.inference.sound import SoundBytes
from domain.inference.transcription import HearingTask, TranscriptionRequest
from domain.serving.load_options import LoadOptions, Task
from entrypoints.http import form
from entrypoints.http.app import create_app
from entrypoints.http.limits import HttpLimits
from tests.support.eventually import eventually
from tests.support.fakes.http_services import EARS, ONE_LANGUAGE, FakeServices, served

CHAT = served("org/chat")
HEARING_CHAT = served("org/omni", capabilities=("text-generation", "chat", "audio"))
SOUND = b"Good morning to you.\nThe train is late."
TEXT = "Good morning to you. The train is late."
TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"


class House:
    """The app over its fakes."""

    def __init__(self) -> None:
        self.services = FakeServices(models=(CHAT, EARS, ONE_LANGUAGE, HEARING_CHAT))
        self.app = create_app(self.services, HttpLimits())
        self.client: FlaskClient = self.app.test_client()

    def post(self, path: str = TRANSCRIPTIONS, sound: bytes | None = SOUND, **fields: Any) -> Any:
        data: dict[str, Any] = {"model": "org/ears", **fields}
        if sound is not None:
            data["file"] = (io.BytesIO(sound), "clip.wav")
        return self.client.post(path, data=data, content_type="multipart/form-data")

    @property
    def heard(self) -> TranscriptionRequest:
        request = self.services.launcher.workers[-1].sound_requests[-1]
        assert isinstance(request, TranscriptionRequest)
        return request

    def refuse(self, error: MlxkError) -> None:
        self.services.launcher.script.sounds.refuse = [error]


@pytest.fixture
def house() -> House:
    return House()


def error_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.get_data(as_text=True)
    error = answer.get_json()["error"]
    assert isinstance(error, dict)
    return error


def test_a_sound_becomes_text_with_its_length(house: House) -> None:
    answer = house.post()
    assert answer.status_code == 200
    assert answer.get_json() == {"text": TEXT, "usage": {"type": "duration", "seconds": 8.0}}
    assert house.services.launcher.options == [LoadOptions(task=Task.TRANSCRIBE)]
    assert house.heard.sound == SoundBytes(SOUND, "clip.wav")
    assert (house.heard.task, house.heard.words, house.heard.times) == (HearingTask.TRANSCRIBE, False, False)


def test_what_is_wished_for_reaches_the_model(house: House) -> None:
    house.post(language="de", prompt="Names: Anna.", temperature="0.4", response_format="vtt")
    heard = house.heard
    assert (heard.language, heard.prompt, heard.temperature, heard.times) == ("de", "Names: Anna.", 0.4, True)


def test_a_translation_is_in_english(house: House) -> None:
    answer = house.post(TRANSLATIONS, response_format="verbose_json")
    body = answer.get_json()
    assert (body["task"], body["language"], body["text"]) == ("translate", "en", TEXT.upper())
    assert house.heard.task is HearingTask.TRANSLATE


def test_text_is_plain_text(house: House) -> None:
    answer = house.post(response_format="text")
    assert (answer.get_data(as_text=True), answer.content_type) == (f"{TEXT}\n", "text/plain; charset=utf-8")


def test_subtitles_are_files(house: House) -> None:
    srt = house.post(response_format="srt")
    assert srt.content_type == "text/plain; charset=utf-8"
    assert srt.get_data(as_text=True) == (
        "1\n00:00:00,000 --> 00:00:04,000\nGood morning to you.\n\n"
        "2\n00:00:04,000 --> 00:00:08,000\nThe train is late.\n"
    )
    vtt = house.post(response_format="vtt")
    assert vtt.content_type == "text/vtt; charset=utf-8"
    assert vtt.get_data(as_text=True).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:04.000\nGood morning to you.\n")


def test_verbose_json_tells_everything_that_openais_does(house: House) -> None:
    body = house.post(response_format="verbose_json").get_json()
    assert {name: body[name] for name in ("task", "language", "duration", "text")} == {
        "task": "transcribe", "language": "en", "duration": 8.0, "text": TEXT,
    }  # fmt: skip
    first, second = body["segments"]
    assert set(first) == {
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio",
        "no_speech_prob",
    }  # fmt: skip
    assert (first["start"], first["end"], second["start"], second["id"]) == (0.0, 4.0, 4.0, 1)
    assert "words" not in body


@pytest.mark.parametrize(
    ("granularities", "shown"),
    [(["word"], {"words"}), (["segment"], {"segments"}), (["word", "segment"], {"words", "segments"})],
)
def test_times_of_words_and_segments_are_shown_as_asked(
    house: House, granularities: list[str], shown: set[str]
) -> None:
    fields: Any = {"timestamp_granularities[]": granularities}
    body = house.post(response_format="verbose_json", **fields).get_json()
    assert set(body) & {"words", "segments"} == shown
    if "words" in shown:
        assert body["words"][0] == {"word": "Good", "start": 0.0, "end": 1.0}


def test_times_of_words_want_verbose_json(house: House) -> None:
    fields: Any = {"timestamp_granularities[]": "word"}
    error = error_of(house.post(**fields), 400)
    assert error["param"] == "timestamp_granularities"


def events_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.content_type.startswith("text/event-stream")
    lines = answer.get_data(as_text=True).split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def test_a_stream_has_a_delta_for_each_segment_and_the_whole_at_the_end(house: House) -> None:
    first, second, done = events_of(house.post(stream="true"))
    assert first == {"type": "transcript.text.delta", "delta": "Good morning to you."}
    assert second == {"type": "transcript.text.delta", "delta": " The train is late."}
    assert done == {
        "type": "transcript.text.done", "text": TEXT,
        "usage": {"type": "tokens", "input_tokens": 0, "output_tokens": 8, "total_tokens": 8},
    }  # fmt: skip


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_streamed_pieces_of_subtitles_are_the_file(house: House, form: str) -> None:
    whole = house.post(response_format=form).get_data(as_text=True)
    *deltas, done = events_of(house.post(response_format=form, stream="true"))
    assert len(deltas) == 2
    assert "".join(each["delta"] for each in deltas) == whole == done["text"]


def test_a_stream_of_verbose_json_ends_with_all_of_it(house: House) -> None:
    whole = house.post(response_format="verbose_json").get_json()
    *_, done = events_of(house.post(response_format="verbose_json", stream="true"))
    assert {name: done[name] for name in whole if name != "usage"} == {
        name: value for name, value in whole.items() if name != "usage"
    }


@pytest.mark.parametrize("path", [TRANSCRIPTIONS, TRANSLATIONS])
@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("model", ["org/chat", "org/omni"])
def test_a_model_that_only_talks_is_refused(house: House, path: str, stream: str, model: str) -> None:
    error = error_of(house.post(path, model=model, stream=stream), 400)
    assert (error["code"], error["param"]) == ("capability_mismatch", "model")
    assert house.services.launcher.workers == []


def test_a_model_that_hears_one_language_does_not_translate(house: House) -> None:
    error = error_of(house.post(TRANSLATIONS, model="org/ears-turbo"), 422)
    assert (error["code"], error["param"]) == ("cannot_translate", "model")
    assert house.post(model="org/ears-turbo").status_code == 200


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"sound": None}, "file"),
        ({"model": ""}, "model"),
        ({"response_format": "diarized_json"}, "response_format"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": "1.5"}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"language": "English"}, "language"),
        ({"timestamp_granularities[]": "letter", "response_format": "verbose_json"}, "timestamp_granularities"),
        ({"include[]": "logprobs"}, "include"),
        ({"known_speaker_names[]": "Anna"}, "known_speaker_names"),
        ({"chunking_strategy": '{"type": "server_vad"}'}, "chunking_strategy"),
    ],
)
def test_what_is_wrong_is_named(house: House, fields: Any, param: str) -> None:
    answer = house.post(**fields)
    if param == "model":
        assert answer.status_code in (400, 404)
        assert answer.get_json()["error"]["param"] == "model"
        return
    assert error_of(answer, 400)["param"] == param


def test_what_asks_for_nothing_is_taken_and_what_nobody_knows_is_named_in_the_header(house: House) -> None:
    answer = house.post(chunking_strategy="auto", user="me", colour="red")
    assert answer.status_code == 200
    assert answer.headers["X-Mlxk-Ignored-Fields"] == "colour"


def test_an_empty_file_is_no_sound(house: House) -> None:
    error = error_of(house.post(sound=b""), 400)
    assert (error["code"], error["param"]) == ("invalid_media", "file")


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (InvalidMedia("this is a PNG picture", param="file"), 400),
        (DependencyMissing("ffmpeg is not installed"), 501),
        (DeadlineMissed("too long"), 504),
        (GenerationFailed("no"), 500),
    ],
)
def test_what_the_model_says_against_it_has_its_status(
    house: House, fault: MlxkError, status: int, stream: str
) -> None:
    house.refuse(fault)
    assert error_of(house.post(stream=stream), status)["code"] == fault.code


def test_a_field_that_comes_twice_and_a_second_file_are_refused(house: House) -> None:
    assert error_of(house.post(language=["de", "en"]), 400)["param"] == "language"
    two = [(io.BytesIO(b"one"), "a.wav"), (io.BytesIO(b"two"), "b.wav")]
    answer = house.client.post(
        TRANSCRIPTIONS, data={"model": "org/ears", "file": two}, content_type="multipart/form-data"
    )
    assert error_of(answer, 400)["param"] == "file"
    other = {"model": "org/ears", "sound": (io.BytesIO(b"one"), "a.wav")}
    answer = house.client.post(TRANSCRIPTIONS, data=other, content_type="multipart/form-data")
    assert error_of(answer, 400)["param"] == "sound"


def test_a_file_as_text_is_refused(house: House) -> None:
    answer = house.client.post(
        TRANSCRIPTIONS, data={"model": "org/ears", "file": "text"}, content_type="multipart/form-data"
    )
    assert error_of(answer, 400)["param"] == "file"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_another_kind_of_body_is_refused_here_and_forms_are_refused_elsewhere(house: House, kind: str) -> None:
    answer = house.client.post(TRANSCRIPTIONS, data="{}", content_type=kind)
    assert error_of(answer, 415)["code"] == "unsupported_media_type"
    elsewhere = house.client.post("/v1/chat/completions", data={"model": "x"}, content_type="multipart/form-data")
    assert error_of(elsewhere, 415)["code"] == "unsupported_media_type"


def test_a_form_without_boundary_or_end_is_refused(house: House) -> None:
    assert error_of(house.client.post(TRANSCRIPTIONS, data=b"x", content_type="multipart/form-data"), 415)
    broken = house.client.post(
        TRANSCRIPTIONS,
        data=b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\norg/ears\r\n',
        content_type="multipart/form-data; boundary=b",
    )
    assert error_of(broken, 400)["code"] == "validation_error"


def test_what_was_wrong_with_the_sound_is_told_in_every_format(house: House) -> None:
    house.services.launcher.script.sounds.warnings = ("the file is cut off\n: 3 s are missing",)
    for kind in ("json", "verbose_json"):
        assert house.post(response_format=kind).get_json()["warnings"] == ["the file is cut off\n: 3 s are missing"]
    for kind in ("text", "srt", "vtt"):
        assert house.post(response_format=kind).headers["X-Mlxk-Warnings"] == "the file is cut off?: 3 s are missing"
    assert b'"warnings": ["the file is cut off' in house.post(stream="true").get_data().replace(b'":[', b'": [')
    house.services.launcher.script.sounds.warnings = ()
    assert "warnings" not in house.post().get_json()
    assert "X-Mlxk-Warnings" not in house.post(response_format="text").headers


@pytest.mark.parametrize("head", ['name="\\"', "", "name=", 'filename="a.wav"', 'name="a'])
def test_a_part_without_a_name_is_refused(house: House, head: str) -> None:
    answer = house.client.post(
        TRANSCRIPTIONS,
        data=f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\nx\r\n--b--\r\n".encode(),
        content_type="multipart/form-data; boundary=b",
    )
    assert (answer.status_code, answer.get_json()["error"]["message"]) == (400, "a part of the form has no name")


def test_a_file_over_the_limit_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from domain.inference import sound_limits

    monkeypatch.setattr(sound_limits, "MOST_SOUND_BYTES", 100_000)
    assert house.post(sound=b"a " * 50_000).status_code == 200
    assert error_of(house.post(sound=b"a " * 50_001), 413)["param"] == "file"


def test_an_announced_length_over_the_limit_is_refused_before_anything_is_read(house: House) -> None:
    class Unread(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError(f"{size} bytes were read")

    answer = house.client.post(
        TRANSCRIPTIONS,
        input_stream=Unread(),
        content_type="multipart/form-data; boundary=b",
        environ_overrides={"CONTENT_LENGTH": str(form.MOST_FORM_BYTES + 1)},
    )
    assert error_of(answer, 413)["param"] == "file"


def test_fields_have_a_limit_together_and_in_number(house: House) -> None:
    assert error_of(house.post(prompt="x" * (form.MOST_FIELD_BYTES + 1)), 413)["param"] == "prompt"
    many: Any = {f"field{number}": "x" for number in range(form.MOST_PARTS + 1)}
    assert error_of(house.post(**many), 413)


def test_the_room_for_sounds_is_given_back_and_a_full_one_turns_away() -> None:
    house = House()
    house.app = create_app(house.services, HttpLimits(media_bytes=10_000))
    house.client = house.app.test_client()
    for _ in range(3):
        assert house.post(sound=b"a " * 1000).status_code == 200
    assert house.post(sound=b"a " * 4000).status_code == 503


def test_a_place_is_taken_while_a_sound_is_heard(house: House) -> None:
    house.app = create_app(house.services, HttpLimits(open_answers=1))
    house.client = house.app.test_client()
    script = house.services.launcher.script
    script.hold_after = 1
    answers: list[Any] = []
    asking = threading.Thread(daemon=True, target=lambda: answers.append(house.app.test_client().post(
        TRANSCRIPTIONS, data={"model": "org/ears", "file": (io.BytesIO(SOUND), "a.wav")},
        content_type="multipart/form-data",
    )))  # fmt: skip
    asking.start()
    eventually(lambda: any(each.busy for each in house.services.launcher.workers), "the first one is heard")
    assert house.post().status_code == 503
    script.hold_after = None
    house.services.launcher.changed()
    asking.join()
    assert answers[0].get_json()["text"] == TEXT


def test_models_that_hear_are_brought_in_and_sent_away(house: House) -> None:
    loaded = house.client.post("/v1/models/load", json={"model": "org/ears", "pinned": True})
    assert loaded.status_code == 200
    assert house.services.launcher.options == [LoadOptions(task=Task.TRANSCRIBE)]
    assert house.client.post("/v1/models/unload", json={"model": "org/ears"}).get_json()["was_loaded"]


def test_transcriptions_are_counted_among_the_answers(house: House) -> None:
    house.post()
    house.post(stream="true").get_data()
    house.refuse(InvalidMedia("no"))
    house.post()
    metrics = house.client.get("/metrics").get_data(as_text=True)
    lines = [line for line in metrics.splitlines() if "org/ears" in line and line.startswith("mlxk_answers_total")]
    counted = {line.partition("{")[2].partition("}")[0]: line.rpartition(" ")[2] for line in lines}
    assert sorted(counted.values()) == ["1", "2"], metrics


def test_the_front_tells_that_it_hears(house: House) -> None:
    told = house.client.get("/v1/capabilities").get_json()
    assert TRANSCRIPTIONS in {each["path"] for each in told["endpoints"]}
    assert told["limits"]["sound_bytes"] == 50 * 1024 * 1024
    assert told["features"]["transcription"] == ["json", "text", "srt", "verbose_json", "vtt"]
    assert "logprobs" not in told["parameters"][TRANSCRIPTIONS]["honoured"]
