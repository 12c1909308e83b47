"""`mlxk transcribe` and `mlxk run --audio` over fakes: what is asked, what is printed, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from domain.catalog.fitness import require_chat
from domain.errors import CapabilityMismatch, DeadlineMissed, InvalidMedia, MlxkError
from domain.inference import AttachmentKind
from domain.inference.sound import SoundBytes, SoundFile
from domain.inference.transcription import HearingTask, TranscriptionRequest
from domain.serving.load_options import LoadOptions, Task
from tests.support.fakes.cli_services import EARS, FakeServices, Line, Seen, report, spoken

TURBO = report("org/turbo", model_type="audio", capabilities=("audio",))
CHAT = report("org/chat")


@pytest.fixture
def services() -> FakeServices:
    return FakeServices((EARS, TURBO, CHAT), [spoken("yes")])


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    file = tmp_path / "talk.wav"
    file.write_bytes(b"RIFF")
    return file


def heard(services: FakeServices) -> list[TranscriptionRequest]:
    requests = [each for worker in services.launcher.workers for each in worker.sound_requests]
    return [each for each in requests if isinstance(each, TranscriptionRequest)]


def transcribe(services: FakeServices, *argv: str, model: str = "ears", **line: Any) -> Seen:
    return Line(services, **line).run("transcribe", model, *argv)


def test_a_file_is_named_to_the_model_and_its_text_printed(services: FakeServices, talk: Path) -> None:
    seen = transcribe(services, str(talk))
    assert (seen.code, seen.out, seen.err) == (0, "The file talk.wav.\n", "")
    assert heard(services)[0].sound == SoundFile(talk)
    assert services.launcher.options == [LoadOptions(task=Task.TRANSCRIBE)]
    assert services.pool.closed == 1


def test_the_model_is_asked_as_the_options_say(services: FakeServices, talk: Path) -> None:
    wishes = ("--language", "de", "--translate", "--prompt", "Anna", "--temperature", "0.2")
    transcribe(services, str(talk), *wishes, "--timeout", "2m", "--cpu")
    (request,) = heard(services)
    assert (request.language, request.task, request.prompt) == ("de", HearingTask.TRANSLATE, "Anna")
    assert (request.temperature, request.deadline_seconds, request.words) == (0.2, 120.0, False)
    assert services.launcher.options == [LoadOptions(task=Task.TRANSCRIBE, cpu=True)]


def test_a_dash_is_standard_input(services: FakeServices) -> None:
    seen = transcribe(services, "-", stdin="One line.\nAnother.")
    assert seen.out == "One line. Another.\n"
    assert heard(services)[0].sound == SoundBytes(b"One line.\nAnother.")


def test_several_files_are_told_apart(services: FakeServices, talk: Path) -> None:
    other = talk.with_name("other.wav")
    other.write_bytes(b"RIFF")
    seen = transcribe(services, str(talk), str(other))
    assert seen.out == f"==> {talk} <==\nThe file talk.wav.\n\n==> {other} <==\nThe file other.wav.\n"
    lines = transcribe(services, str(talk), str(other), "--format", "json").out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["The file talk.wav.", "The file other.wav."]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("text", "The file talk.wav.\n"),
        ("json", '{"text": "The file talk.wav.", "usage": {"type": "duration", "seconds": 3.0}}\n'),
        ("srt", "1\n00:00:00,000 --> 00:00:03,000\nThe file talk.wav.\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nThe file talk.wav.\n"),
    ],
)
def test_every_format_is_printed_and_written(services: FakeServices, talk: Path, form: str, text: str) -> None:
    assert transcribe(services, str(talk), "--format", form).out == text
    place = talk.with_name("there")
    seen = transcribe(services, str(talk), "--format", form, "--output", str(place))
    assert (seen.code, seen.out, place.read_text("utf-8")) == (0, "", text)
    folder = talk.with_name("folder")
    folder.mkdir()
    transcribe(services, str(talk), "--format", form, "--output", str(folder))
    ending = {"text": "txt"}.get(form, form)
    assert (folder / f"talk.{ending}").read_text("utf-8") == text


def test_verbose_json_tells_words_where_they_are_asked_for(services: FakeServices, talk: Path) -> None:
    plain = json.loads(transcribe(services, str(talk), "--format", "verbose_json").out)
    assert (plain["duration"], plain["language"], len(plain["segments"]), "words" in plain) == (3.0, "en", 1, False)
    words = json.loads(transcribe(services, str(talk), "--format", "verbose_json", "--timestamps", "word").out)
    assert [each["word"] for each in words["words"]] == ["The", "file", "talk.wav."]


def test_json_is_one_envelope_with_all_of_them(services: FakeServices, talk: Path) -> None:
    seen = transcribe(services, str(talk), "-", "--json", stdin="Hello.")
    data = json.loads(seen.out)["data"]
    assert data["model"] == "org/ears"
    assert [(each["file"], each["text"]) for each in data["transcriptions"]] == [
        (str(talk), "The file talk.wav."), ("-", "Hello."),
    ]  # fmt: skip
    assert data["transcriptions"][0]["segments"][0]["end"] == 3.0


def test_an_error_tells_what_was_heard_before_it(services: FakeServices, talk: Path) -> None:
    (broken := talk.with_name("broken.wav")).write_bytes(b"x")
    services.launcher.script.sounds.noise = {broken.name}
    error = json.loads(transcribe(services, str(talk), str(broken), "--json").out)["error"]
    assert error["message"].startswith(f"'{broken}'")
    assert [each["text"] for each in error["detail"]["transcriptions"]] == ["The file talk.wav."]


def test_on_a_terminal_text_appears_as_it_is_heard(services: FakeServices, talk: Path) -> None:
    assert transcribe(services, str(talk), terminal=True).out == "The file talk.wav.\n"


def test_where_no_text_appears_on_a_terminal_a_remark_tells_how_far_it_is(
    services: FakeServices, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.cli.commands.transcribe.BETWEEN_REMARKS_SECONDS", 0.0)
    for argv in (("--output", str(talk.with_name("there"))), ("--format", "srt")):
        assert "Heard 0:00:03 of 0:00:03 (100 %)" in transcribe(services, str(talk), *argv, terminal=True).err
        assert "Heard" not in transcribe(services, str(talk), *argv, "--quiet", terminal=True).err
    assert "Heard" not in transcribe(services, str(talk), terminal=True).err


def test_a_transcript_never_replaces_the_sound(services: FakeServices, talk: Path) -> None:
    other = talk.with_name("talk.txt")
    other.symlink_to(talk)
    for argv in ((str(talk), "--output", str(talk)), (str(other), "--output", str(talk.parent))):
        seen = transcribe(services, *argv)
        assert seen.code == 2 and "would replace the sound" in seen.err
    assert (talk.read_bytes(), services.launcher.workers) == (b"RIFF", [])


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("nope.wav",), 1, "'nope.wav': there is no such file"),
        (("FOLDER",), 1, "is a folder"),
        (("EMPTY",), 1, "is empty"),
        (("PIPE",), 1, "is no regular file"),
        (("https://x/y.wav",), 1, "is a URL"),
        ((), 2, "FILE... is missing"),
        (("TALK", "--language", "english"), 1, "language must be a code"),
        (("TALK", "--temperature", "2"), 1, "temperature must be from 0 to 1"),
        (("TALK", "--timestamps", "word"), 2, "--timestamps word says nothing with --format text"),
        (("TALK", "--timeout", "0"), 2, "must be more than 0"),
        (("TALK", "TALK", "--format", "srt"), 2, "2 sounds as srt are 2 files"),
        (("TALK", "TALK", "--output", "nowhere"), 2, "is no folder"),
        (("TALK", "--output", "nowhere/at/all.txt"), 1, "there is no folder"),
        (("TALK", "--json", "--format", "srt"), 2, "contradict each other"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_loaded(
    services: FakeServices, talk: Path, argv: tuple[str, ...], code: int, words: str
) -> None:
    (talk.parent / "folder").mkdir()
    (talk.parent / "empty").touch()
    os.mkfifo(talk.parent / "pipe")
    places = {"TALK": talk, "FOLDER": talk.parent / "folder", "EMPTY": talk.parent / "empty",
              "PIPE": talk.parent / "pipe"}  # fmt: skip
    seen = transcribe(services, *(str(places.get(word, word)) for word in argv))
    assert seen.code == code
    assert words in seen.err + seen.out
    assert services.launcher.workers == []


@pytest.mark.parametrize(
    ("model", "option", "words"),
    [
        ("chat", None, "does not hear; it is for: text-generation, chat"),
        ("turbo", "--translate", "does not translate"),
        ("none", None, "no model here matches"),
    ],
)
def test_a_model_that_cannot_is_refused(
    services: FakeServices, talk: Path, model: str, option: str | None, words: str
) -> None:
    seen = transcribe(services, str(talk), *([option] if option else []), model=model)
    assert (seen.code, services.launcher.workers) == (1, [])
    assert words in seen.err


@pytest.mark.parametrize("fault", [InvalidMedia("this is a PNG picture"), DeadlineMissed("it was not done")])
def test_what_the_model_says_against_it_is_told(services: FakeServices, talk: Path, fault: MlxkError) -> None:
    services.launcher.script.sounds.refuse = [fault]
    seen = transcribe(services, str(talk))
    assert (seen.code, seen.out) == (1, "")
    assert fault.message in seen.err
    assert not isinstance(fault, InvalidMedia) or repr(str(talk)) in seen.err
    assert services.pool.closed == 1


def run(services: FakeServices, *argv: str, model: str = "ears", **line: Any) -> Seen:
    return Line(services, **line).run("run", model, *argv)


def test_run_writes_down_what_is_said(services: FakeServices, talk: Path) -> None:
    seen = run(services, "Names:", "Anna.", "--audio", str(talk), "--language", "de", "--translate")
    assert (seen.code, seen.out) == (0, "THE FILE TALK.WAV.\n")
    (request,) = heard(services)
    assert (request.sound, request.prompt, request.language) == (SoundFile(talk), "Names: Anna.", "de")
    assert (request.task, request.temperature) == (HearingTask.TRANSLATE, None)
    assert services.talk.asked == []


def test_run_tells_it_as_json_too(services: FakeServices, talk: Path) -> None:
    data = json.loads(run(services, "--audio", str(talk), "--json").out)["data"]
    assert (data["response"], data["finish_reason"], data["served_by"]) == ("The file talk.wav.", "stop", "local")


@pytest.mark.parametrize(
    ("model", "argv", "code", "words"),
    [
        ("ears", ("--audio", "TALK", "TALK"), 1, "2 sounds"),
        ("ears", ("--audio", "TALK", "--schema", "{}"), 1, "nothing else"),
        ("ears", ("--audio", "TALK", "--max-tokens", "9"), 1, "--max-tokens: org/ears writes down what it hears"),
        ("ears", ("--audio", "TALK", "--seed", "0"), 1, "--seed: org/ears writes down what it hears"),
        ("ears", ("--audio", "nope.wav"), 1, "there is no such file"),
        ("turbo", ("--audio", "TALK", "--translate"), 1, "does not translate"),
        ("chat", ("--audio", "TALK", "--translate"), 1, "for models that only hear"),
        ("chat", ("--audio", "TALK", "--language", "de"), 1, "for models that only hear"),
        ("chat", ("--language", "de", "hello"), 2, "--language needs --audio"),
        ("chat", ("--translate", "hello"), 2, "--translate needs --audio"),
    ],
)
def test_run_refuses_what_cannot_be(
    services: FakeServices, talk: Path, model: str, argv: tuple[str, ...], code: int, words: str
) -> None:
    seen = run(services, *(str(talk) if word == "TALK" else word for word in argv), model=model)
    assert seen.code == code
    assert words in seen.err
    assert services.launcher.workers == []


def test_text_alone_is_for_models_that_write() -> None:
    with pytest.raises(CapabilityMismatch) as caught:
        require_chat(EARS)
    assert "--audio FILE" in (caught.value.hint or "")


def test_a_model_that_talks_is_shown_the_sound(services: FakeServices, talk: Path) -> None:
    run(services, "--audio", str(talk), model="chat")
    ((_, request, _),) = services.talk.asked
    (turn,) = request.messages
    assert [(each.kind, each.data, each.name) for each in turn.attachments] == [
        (AttachmentKind.AUDIO, b"RIFF", "talk.wav")
    ]
    assert turn.content == "Write down what is said."
