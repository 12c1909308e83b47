"""A voice with random weights: through the command line, the real server and the official client, in every format."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest

from domain.inference.sound import SoundFormat
from tests.support.cli_process import COMMAND, ROOT, clean_environment, mlxk
from tests.support.random_voices import build_soprano, heard, loudness

MODEL = "random-voice"
TEXT = "Hi."
SEED = {"seed": 1}
SECONDS = 120.0
AUDIBLE = 0.005


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    build_soprano(home / "models" / MODEL)
    return clean_environment(home, HOME=str(home), MLXK_WORKSPACE_HOME=str(home / "models"))


@pytest.fixture(scope="module")
def url(env: dict[str, str]) -> Iterator[str]:
    """Of a server that holds the voice from its start."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mlxk", "serve", "--model", MODEL, "--port", "0", "--json"],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
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


@pytest.mark.parametrize("kind", ["mp3", "wav", "flac", "pcm"])
def test_the_official_client_gets_a_sound_that_plays(client: openai.OpenAI, kind: str) -> None:
    answer = client.audio.speech.create(
        model=MODEL, voice="default", input=TEXT, response_format=kind, extra_body=SEED  # type: ignore[arg-type]
    )  # fmt: skip
    samples, rate = heard(answer.read(), SoundFormat(kind))
    assert 0.2 < len(samples) / rate < 3
    assert loudness(samples) > AUDIBLE


def test_the_official_client_streams_it(client: openai.OpenAI, tmp_path: Path) -> None:
    place = tmp_path / "a.pcm"
    with client.audio.speech.with_streaming_response.create(
        model=MODEL, voice="default", input=f"{TEXT}\n{TEXT}", response_format="pcm", extra_body=SEED
    ) as answer:
        assert answer.headers["content-type"] == "audio/pcm"
        assert answer.headers["transfer-encoding"] == "chunked"
        answer.stream_to_file(place)
    again = client.audio.speech.create(
        model=MODEL, voice="default", input=f"{TEXT}\n{TEXT}", response_format="pcm", extra_body=SEED
    )
    assert place.read_bytes() == again.read()


def test_events_carry_the_same_bytes(client: openai.OpenAI) -> None:
    wishes = {"model": MODEL, "input": TEXT, "response_format": "flac", **SEED}
    whole = client.post("/audio/speech", body=wishes, cast_to=openai._legacy_response.HttpxBinaryResponseContent)
    told = client.post(
        "/audio/speech", body={**wishes, "stream_format": "sse"},
        cast_to=openai._legacy_response.HttpxBinaryResponseContent,
    ).read().decode()  # fmt: skip
    data = [json.loads(line.removeprefix("data: ")) for line in told.splitlines() if line.startswith("data: ")]
    assert b"".join(base64.b64decode(each["audio"]) for each in data[:-1]) == whole.read()
    assert data[-1]["type"] == "speech.audio.done"
    assert data[-1]["usage"]["output_tokens"] > 0


def test_a_voice_that_it_does_not_have_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="none is called 'alloy'") as caught:
        client.audio.speech.create(model=MODEL, voice="alloy", input=TEXT)
    assert caught.value.param == "voice"


def test_the_server_lists_it_with_what_it_does(client: openai.OpenAI) -> None:
    (listed,) = [each for each in client.models.list() if each.id == MODEL]
    assert (listed.model_extra or {})["capabilities"] == ["speech"]


def test_the_command_writes_files_that_agree(env: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "a.wav"
    done = mlxk("speak", MODEL, TEXT, "--seed", "1", "--output", str(place), "--json", env=env)
    data = json.loads(done.stdout)["data"]
    with wave.open(str(place)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, data["rate"])
        assert file.getnframes() / file.getframerate() == pytest.approx(data["duration"])
    assert data["size_bytes"] == place.stat().st_size
    assert loudness(heard(place.read_bytes(), SoundFormat.WAV)[0]) > AUDIBLE


def test_the_command_writes_into_a_pipe_what_a_file_has(env: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "a.flac"
    mlxk("speak", MODEL, "-", "--seed", "1", "--output", str(place), env=env, stdin=TEXT.encode())
    piped = subprocess.run(
        [*COMMAND, "speak", MODEL, TEXT, "--seed", "1", "--format", "flac"],
        cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=SECONDS,
    ).stdout  # fmt: skip
    whole, streamed = heard(place.read_bytes(), SoundFormat.FLAC), heard(piped, SoundFormat.FLAC)
    assert np.array_equal(whole[0], streamed[0])
