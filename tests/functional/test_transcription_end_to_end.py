"""The trained Whisper word for word: through the command line, the real server and the official client, in every
form.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.cli_process import ROOT, clean_environment, mlxk, on_terminal
from tests.support.trained_whisper import LONG, SHORT, WHISPER, Clip, clip

MODEL = "spoken"
TURBO = "whisper-spoken-turbo"
SECONDS = 120.0
TIME = re.compile(r"(\d\d):(\d\d):(\d\d)[.,](\d{3})")
EACH_KIND = (clip("fox"), clip("cat"), clip("station"))  # WAV, FLAC and MP3; English, French, German or so
FORMATS = ("json", "text", "srt", "vtt", "verbose_json")


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    for name in (MODEL, TURBO):
        shutil.copytree(WHISPER, home / "models" / name)
    return clean_environment(home, HOME=str(home), MLXK_WORKSPACE_HOME=str(home / "models"))


@pytest.fixture(scope="module")
def url(env: dict[str, str]) -> Iterator[str]:
    """Of a server that holds the model from its start."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mlxk", "serve", "--model", MODEL, "--port", "0", "--json"],
        cwd=ROOT, env={**env, "MLXK2_AUDIO_SEGMENTS": "0"}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    with process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("}"):
                break
        try:
            yield str(json.loads(said)["data"]["url"])
        finally:
            process.terminate()
            process.wait(SECONDS)
            watchdog.cancel()


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as made:
        yield made


def plain(text: str) -> str:
    """Without numbers, times and line ends."""
    lines = [line for line in text.splitlines() if not line.isdigit() and "-->" not in line and line != "WEBVTT"]
    return " ".join(" ".join(lines).split())


def times(text: str) -> list[float]:
    return [
        int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(rest) / 1000
        for hours, minutes, seconds, rest in TIME.findall(text)
    ]


@pytest.mark.parametrize("each", EACH_KIND, ids=lambda each: each.name)
@pytest.mark.parametrize("form", FORMATS)
def test_the_server_says_it_word_for_word_in_every_form(client: openai.OpenAI, each: Clip, form: Any) -> None:
    heard: Any = client.audio.transcriptions.create(model=MODEL, file=each.path, response_format=form)
    if form == "verbose_json":
        assert (heard.text, heard.language) == (each.text, each.language)
        assert heard.duration == pytest.approx(each.duration, abs=0.11)
        assert " ".join(segment.text.strip() for segment in heard.segments) == each.text
        assert all(0 <= segment.start <= segment.end <= heard.duration + 0.1 for segment in heard.segments)
    elif form == "json":
        assert heard.text == each.text
        assert heard.usage.seconds == pytest.approx(each.duration, abs=0.11)
    else:
        assert plain(heard) == each.text
        assert times(heard) == sorted(times(heard))


@pytest.mark.parametrize("each", EACH_KIND, ids=lambda each: each.name)
def test_a_stream_says_the_same(client: openai.OpenAI, each: Clip) -> None:
    *deltas, done = client.audio.transcriptions.create(model=MODEL, file=each.path, stream=True)
    assert all(event.type == "transcript.text.delta" for event in deltas)
    assert "".join(event.delta for event in deltas if event.type == "transcript.text.delta") == each.text
    assert done.type == "transcript.text.done"
    assert done.text == each.text
    assert done.usage is not None
    assert done.usage.output_tokens > 0


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the client's own word for this route
@pytest.mark.parametrize("each", [clip("cat"), LONG[0]], ids=lambda each: each.name)
def test_a_translation_is_in_english(client: openai.OpenAI, each: Clip) -> None:
    heard = client.audio.translations.create(model=MODEL, file=each.path, response_format="verbose_json")
    assert (heard.text, heard.language) == (each.translation, "en")


def test_times_of_words_go_on_and_lie_within_the_sound(client: openai.OpenAI) -> None:
    each = LONG[0]
    heard = client.audio.transcriptions.create(
        model=MODEL, file=each.path, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert heard.words is not None
    assert " ".join(word.word for word in heard.words) == each.text
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert all(word.start <= word.end <= heard.duration + 0.1 for word in heard.words)


def test_many_at_once_are_all_heard(client: openai.OpenAI) -> None:
    found: dict[str, str] = {}

    def ask(each: Clip) -> None:
        found[each.name] = client.audio.transcriptions.create(model=MODEL, file=each.path).text

    threads = [threading.Thread(target=ask, args=(each,), daemon=True) for each in SHORT]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert found == {each.name: each.text for each in SHORT}


def test_a_chat_with_it_is_answered_with_what_is_said(client: openai.OpenAI) -> None:
    each = clip("fox")
    data = base64.b64encode(each.path.read_bytes()).decode()
    content: Any = [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == each.text
    pieces = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}], stream=True)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == each.text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("notes.txt", b"These are only words, and no sound at all. " * 20, "no sound"),
        ("picture.wav", b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG"),
        ("cut.flac", clip("cat").path.read_bytes()[:40], ""),
        ("noise.mp3", bytes(range(256)) * 8, ""),
    ],
)
def test_what_is_no_sound_is_a_400_that_says_so(client: openai.OpenAI, name: str, data: bytes, words: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(model=MODEL, file=(name, data))
    body: Any = caught.value.body
    assert body["code"] == "invalid_media"
    assert words in body["message"]


def test_a_name_that_lies_changes_nothing(client: openai.OpenAI) -> None:
    each = clip("station")
    assert client.audio.transcriptions.create(model=MODEL, file=("x.wav", each.path.read_bytes())).text == each.text


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_model_that_does_not_translate_says_so_with_its_status(client: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError):
        client.audio.translations.create(model=TURBO, file=clip("cat").path)
    with pytest.raises(openai.BadRequestError, match="does not hear"):
        client.audio.transcriptions.create(model="demo", file=clip("cat").path)


def test_it_is_listed_with_what_it_can_do(url: str) -> None:
    with urllib.request.urlopen(f"{url}/v1/models/{MODEL}") as answer:  # noqa: S310 - our own server
        told = json.load(answer)
    assert (told["state"], told["capabilities"]) == ("ready", ["audio", "audio-translate-en"])


@pytest.mark.parametrize("form", FORMATS)
def test_the_command_says_it_word_for_word_in_every_form(env: dict[str, str], form: str) -> None:
    each = clip("fox")
    done = mlxk("transcribe", MODEL, str(each.path), "--format", form, env=env)
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert (json.loads(text)["text"] if "json" in form else plain(text)) == each.text


def test_several_files_of_every_kind_become_files(env: dict[str, str], tmp_path: Path) -> None:
    done = mlxk(
        "transcribe", MODEL, *(str(each.path) for each in EACH_KIND), "--format", "vtt", "--timestamps", "word",
        "--output", str(tmp_path), env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for each in EACH_KIND:
        text = (tmp_path / f"{each.name}.vtt").read_text("utf-8")
        assert plain(text) == each.text
        assert times(text) == sorted(times(text))


def test_standard_input_translation_and_run_say_it_too(env: dict[str, str]) -> None:
    each = clip("cat")
    piped = mlxk("transcribe", MODEL, "-", "--translate", "--json", env=env, stdin=each.path.read_bytes())
    (only,) = json.loads(piped.stdout)["data"]["transcriptions"]
    assert (only["text"], only["language"]) == (each.translation, "en")
    asked = mlxk("run", MODEL, "--audio", str(each.path), env={**env, "MLXK2_AUDIO_SEGMENTS": "1"})
    text, _, table = asked.stdout.decode().partition("\n\n")
    assert text == each.text
    assert table.startswith("| Start | End | Text |")


def test_what_only_ffmpeg_reads_is_told_where_there_is_none(env: dict[str, str]) -> None:
    ogg = b"OggS" + bytes(24) + b"\x01vorbis" + bytes(200)
    done = mlxk("transcribe", MODEL, "-", env={**env, "PATH": "/nowhere"}, stdin=ogg)
    assert done.returncode == 1
    assert b"ffmpeg, which is not installed" in done.stderr


def test_ctrl_c_ends_it_cleanly(env: dict[str, str]) -> None:
    many = [str(each.path) for each in LONG] * 20
    with on_terminal("transcribe", MODEL, *many, env=env) as terminal:
        terminal.wait_for("==>")
        terminal.type("\x03")
        assert terminal.finish() == 130
