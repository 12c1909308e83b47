"""`mlxk speak` over fakes: what is asked, what is written, and how it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import CapabilityMismatch, GenerationFailed, InternalError
from domain.inference.sound import SoundFormat
from domain.inference.speech import SpeechRequest
from domain.serving.load_options import LoadOptions, Task
from entrypoints.cli.console import Console, ReaderGone
from entrypoints.cli.user_files import writing_whole
from tests.support.fakes.cli_services import EARS, VOICE, FakeServices, Line, Seen, spoken


@pytest.fixture
def services() -> FakeServices:
    return FakeServices((VOICE, EARS), [spoken("yes")])


def asked(services: FakeServices) -> list[SpeechRequest]:
    requests = [each for worker in services.launcher.workers for each in worker.sound_requests]
    return [each for each in requests if isinstance(each, SpeechRequest)]


def speak(services: FakeServices, *argv: str, model: str = "voice", **line: Any) -> Seen:
    return Line(services, **line).run("speak", model, *argv)


def test_words_are_said_into_a_file(services: FakeServices, tmp_path: Path) -> None:
    place = tmp_path / "gap.wav"
    seen = speak(services, "Mind", "the gap.", "--output", str(place))
    assert (seen.code, seen.err) == (0, "")
    assert seen.out == f"{place}: 3.00 s at 16,000 Hz\n"
    assert place.read_bytes() == b"wav:Mind the gap. "
    (request,) = asked(services)
    assert (request.text, request.streamed, request.format) == ("Mind the gap.", False, SoundFormat.WAV)
    assert services.launcher.options == [LoadOptions(task=Task.SPEAK)]
    assert services.pool.closed == 1
    assert list(tmp_path.iterdir()) == [place]


def test_the_model_is_asked_as_the_options_say(services: FakeServices, tmp_path: Path) -> None:
    wishes = ("--voice", "anna", "--speed", "1.5", "--language", "de", "--instructions", "calm", "--seed", "7", "--cpu")
    speak(services, "Hallo.", "--output", str(tmp_path / "a.mp3"), *wishes)
    assert asked(services) == [
        SpeechRequest("Hallo.", "anna", 1.5, SoundFormat.MP3, language="de", instructions="calm", seed=7)
    ]
    assert services.launcher.options == [LoadOptions(task=Task.SPEAK, cpu=True)]


@pytest.mark.parametrize(
    ("name", "more", "kind"),
    [("a.mp3", (), "mp3"), ("a.FLAC", (), "flac"), ("a.pcm", (), "pcm"), ("a.xyz", ("--format", "mp3"), "mp3")],
)
def test_the_format_is_what_the_name_ends_in_or_what_is_said(
    services: FakeServices, tmp_path: Path, name: str, more: tuple[str, ...], kind: str
) -> None:
    place = tmp_path / name
    assert speak(services, "Hi", "--output", str(place), *more).code == 0
    assert place.read_bytes() == f"{kind}:Hi ".encode()


def test_a_dash_is_standard_input(services: FakeServices, tmp_path: Path) -> None:
    speak(services, "-", "--output", str(tmp_path / "a.wav"), stdin="One.\nTwo.\n")
    assert asked(services)[0].text == "One.\nTwo.\n"


def test_json_tells_of_the_file(services: FakeServices, tmp_path: Path) -> None:
    place = tmp_path / "a.flac"
    data = json.loads(speak(services, "Hi", "there", "--output", str(place), "--json").out)["data"]
    assert data == {
        "model": "org/voice", "output": str(place), "format": "flac", "size_bytes": 14, "duration": 2.0,
        "rate": 16_000, "usage": {"prompt_tokens": 2, "completion_tokens": 0}, "warnings": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((), "the text is missing"),
        (("Hi", "--output", "/nowhere/a.wav"), "no folder /nowhere"),
        (("Hi", "--output", "a.ogg"), "end it in .wav, .mp3, .flac, .pcm"),
        (("Hi", "--output", "a"), "end it in"),
        (("Hi", "--format", "opus", "--output", "a"), "opus"),
        (("Hi", "--speed", "9", "--output", "a.wav"), "speed must be from"),
        ((" ", "--output", "a.wav"), "nothing to say"),
        (("Hi", "--json"), "write it to a file: --output"),
    ],
)
def test_what_cannot_be_is_told_before_a_model_is_loaded(
    services: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = speak(services, *argv)
    assert seen.code != 0
    assert says in seen.err + seen.out
    assert not services.launcher.options
    assert not list(tmp_path.iterdir())


def test_a_terminal_gets_no_sound(services: FakeServices) -> None:
    seen = speak(services, "Hi", terminal=True)
    assert seen.code == 2
    assert "a terminal shows no sound" in seen.err
    assert "--output hello.wav" in seen.err


def test_a_model_that_does_not_speak_is_refused(services: FakeServices, tmp_path: Path) -> None:
    seen = speak(services, "Hi", "--output", str(tmp_path / "a.wav"), model="org/ears")
    assert seen.code == 1
    assert "org/ears does not speak" in seen.err


@pytest.mark.parametrize("fault", [CapabilityMismatch("no voice 'x'"), GenerationFailed("it broke")])
def test_a_fault_leaves_what_stood_there(services: FakeServices, tmp_path: Path, fault: Exception) -> None:
    place = tmp_path / "a.wav"
    place.write_bytes(b"before")
    services.launcher.script.sounds.refuse.append(fault)  # type: ignore[arg-type]
    seen = speak(services, "Hi", "--output", str(place))
    assert seen.code == 1
    assert str(fault) in seen.err
    assert place.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [place]


def test_a_file_is_there_when_all_of_it_is_and_not_before(tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.write_bytes(b"before")
    other = tmp_path / "other"
    other.hardlink_to(place)
    with writing_whole(place) as write:
        write(b"one ")
        write(b"two")
        assert place.read_bytes() == b"before"
    assert (place.read_bytes(), other.read_bytes()) == (b"one two", b"before")
    with pytest.raises(RuntimeError), writing_whole(place) as write:
        write(b"three")
        raise RuntimeError
    assert place.read_bytes() == b"one two"
    assert sorted(tmp_path.iterdir()) == [place, other]


class _Gone(io.BytesIO):
    def write(self, _data: Any) -> int:
        raise BrokenPipeError


def test_a_pipe_gets_the_bytes_as_they_are_made(services: FakeServices) -> None:
    from entrypoints.cli.commands.speak import Arguments, execute

    raw = io.BytesIO()
    console = Console(io.StringIO(), io.TextIOWrapper(raw), io.StringIO())
    execute(Line(services)._context(console), Arguments("voice", ("Mind", "it."), format="pcm")).show()
    assert raw.getvalue() == b"pcm:Mind it. "
    assert asked(services)[0].streamed


def test_a_reader_that_goes_ends_it_in_silence() -> None:
    console = Console(io.StringIO(), io.TextIOWrapper(_Gone()), io.StringIO())
    with pytest.raises(ReaderGone):
        console.emit_bytes(b"x")
    with pytest.raises(InternalError):
        Console(io.StringIO(), io.StringIO(), io.StringIO()).emit_bytes(b"x")
