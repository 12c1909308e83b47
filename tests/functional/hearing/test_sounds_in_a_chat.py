"""Sounds in conversations with a model that sees and hears: the command line and the server as processes, the official
client. Its weights are noise: what is asked is that what is heard arrives, not that it is understood.
"""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.drawn import drawn
from tests.support.heard import built, whistle
from tests.support.trained_vision import MLXK, PATIENCE_SECONDS, Asker, House, data_url

EARS = "ears"
ONE = whistle(1, 1.0)


def heard(data: bytes, form: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": b64encode(data).decode(), "format": form}}


def user(*parts: dict[str, Any] | str) -> dict[str, Any]:
    return {
        "role": "user",
        "content": [{"type": "text", "text": each} if isinstance(each, str) else each for each in parts],
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("home")
    built("gemma4", folder / "models" / EARS)
    (folder / "temporary").mkdir()
    (folder / "one.wav").write_bytes(ONE)
    (folder / "long.wav").write_bytes(whistle(1, 4.5))
    place = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "MLXK_WORKSPACE_HOME": str(folder / "models")}
    return House(folder, {**place, "TMPDIR": str(folder / "temporary")})


@pytest.fixture(scope="module")
def model(home: House) -> Iterator[Asker]:
    with home.serving(EARS, "--force") as asker:
        yield asker


def text(model: Asker, *messages: dict[str, Any], **fields: Any) -> str:
    return model.text(*messages, model=EARS, max_tokens=12, **fields)


def refused(model: Asker, *messages: dict[str, Any], name: str = EARS) -> dict[str, Any]:
    with pytest.raises(openai.APIStatusError) as fault:
        model.ask(*messages, model=name)
    error = fault.value.body
    assert isinstance(error, dict)
    return {**error, "status": fault.value.status_code}


def run(home: House, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MLXK, "run", EARS, "--temperature=0", "--max-tokens=12", "--force", *words],
        cwd=home.home, env=home.environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def test_sounds_pictures_and_words_are_answered_whole_and_streamed(model: Asker) -> None:
    turn = user("Hear ", heard(ONE), " and see ", {"type": "image_url", "image_url": {"url": data_url(drawn())}}, ".")
    for talk in ([user(heard(ONE), "What?")], [turn]):
        whole = text(model, *talk)
        assert whole
        assert "".join(model.pieces(*talk, model=EARS, max_tokens=12)) == whole
    answers = {text(model, user(heard(whistle(seed, 1.0)), "What is said?")) for seed in range(5)}
    assert len(answers) > 1


def test_earlier_turns_keep_their_sounds(model: Asker) -> None:
    rest = ({"role": "assistant", "content": "No."}, user("And now?"))
    answer = model.ask(user(heard(ONE), "What?"), *rest, model=EARS, max_tokens=2)
    without = model.ask(user("What?"), *rest, model=EARS, max_tokens=2)
    assert answer.usage.prompt_tokens == without.usage.prompt_tokens + 27  # 25 of a second, and a mark on each side


def test_what_cannot_be_heard_is_refused_and_the_next_request_works(model: Asker) -> None:
    place = "messages.0.content"
    long = refused(model, user(heard(whistle(1, 4.5)), "What?"))
    assert (long["status"], long["code"], long["param"]) == (400, "invalid_media", place)
    assert "it has 4.50 s, and this model takes at most 4 s" in long["message"]
    for data in (b"no sound", ONE[:9000], drawn()):
        error = refused(model, user(heard(data), "What?"))
        assert (error["status"], error["code"], error["param"]) == (400, "invalid_media", place)
    broken = {"type": "input_audio", "input_audio": {"data": "!!", "format": "wav"}}
    assert "is not base64" in refused(model, user(broken))["message"]
    strange = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "doc"}}
    assert refused(model, user(strange))["status"] == 400
    assert text(model, user(heard(ONE), "What?"))


def test_a_model_that_only_reads_gets_a_note_or_says_who_hears(model: Asker) -> None:
    error = refused(model, user(heard(ONE), "What?"), name="demo")
    assert (error["status"], error["code"]) == (400, "capability_mismatch")
    assert "cannot hear sounds" in error["message"]
    assert "mlxk list --audio" in error["hint"]
    talk = (user("Hello.", heard(ONE)), {"role": "assistant", "content": "No."}, user("And now?"))
    noted = ({"role": "user", "content": "Hello.\n\n[1 audio(s) were attached]"}, *talk[1:])
    assert model.text(*talk, model="demo") == model.text(*noted, model="demo")


def test_the_server_and_the_list_tell_that_it_hears(model: Asker, home: House) -> None:
    told: Any = model.client.get("/models", cast_to=object)
    (entry,) = [each for each in told["data"] if each["id"] == EARS]
    assert "audio" in json.dumps(entry)
    listed = subprocess.run(
        [*MLXK, "show", EARS, "--json"], cwd=home.home, env=home.environ, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, check=True,
    )  # fmt: skip
    assert {"vision", "audio"} <= set(json.loads(listed.stdout)["data"]["model"]["capabilities"])


def test_the_command_line_attaches_sounds_with_a_server_and_without(model: Asker, home: House) -> None:
    expected = text(model, user(heard(ONE), "What is said?"))
    through, here = (run(home, *more, "What is said?", "--audio", "one.wav") for more in ([], ["--local"]))
    assert (through.returncode, through.stderr) == (0, "")
    assert here.returncode == 0
    assert through.stdout.strip() == here.stdout.strip() == expected.strip()
    assert run(home, "--audio", "one.wav").returncode == 0
    long = run(home, "What?", "--audio", "long.wav")
    assert long.returncode == 1
    assert "(long.wav) is too long: it has 4.50 s, and this model takes at most 4 s" in long.stderr
    assert run(home, "What?", "--audio", "one.wav", "--language", "en").returncode == 1
    assert run(home, "What?", "--audio", "one.wav", "--translate").returncode == 1
