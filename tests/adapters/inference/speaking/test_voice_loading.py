"""From a folder to what speaks: nothing from a network, no code, no pickles, and clear words for what is missing."""

from __future__ import annotations

import json
import pickle
import socket
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from threading import Thread
from typing import Any

import mlx.core as mx
import pytest
import transformers

from adapters.inference.sound.runtime import MlxSoundRuntime
from adapters.inference.speaking.confining import Confined, confined
from adapters.inference.speaking.randomness import Randomness
from domain.catalog import LocatedModel, ModelSource
from domain.errors import DependencyMissing, MlxkError, ModelLoadFailed, ModelNotRunnable
from domain.serving.load_options import LoadOptions, Task
from tests.support.random_voices import Said, ToyVoice, build_soprano, said, toy


def load(folder: Path) -> Any:
    model = LocatedModel("org/voice", folder, ModelSource.WORKSPACE)
    return MlxSoundRuntime().load(model, LoadOptions(task=Task.SPEAK))


def folder_of(tmp_path: Path, **config: Any) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(tmp_path / "model.safetensors"), {"x": mx.zeros((1,))})
    return tmp_path


def test_a_family_is_read_from_its_config_and_not_from_the_folder_s_name(tmp_path: Path) -> None:
    loaded = load(build_soprano(tmp_path / "dia-whisper [bark]"))
    assert (loaded.facts.context_length, loaded.facts.device) == (512, "cpu")
    assert said(loaded, "Hi.", seed=1)[1].rate == 32_000
    loaded.engine.close()


def test_a_family_that_nobody_knows_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(ModelNotRunnable, match="'warbler', which mlx-audio does not know"):
        load(folder_of(tmp_path, model_type="warbler"))


def test_a_folder_s_name_makes_no_voice_of_what_nobody_knows(tmp_path: Path) -> None:
    folder = build_soprano(tmp_path / "soprano")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "model_type": "warbler"}))
    with pytest.raises(ModelNotRunnable):
        load(folder)


@pytest.mark.parametrize(
    ("family", "package"), [("kokoro", "misaki"), ("kitten_tts", "phonemizer"), ("melotts", "g2p_en")]
)
def test_a_package_that_is_missing_is_named(tmp_path: Path, family: str, package: str) -> None:
    with pytest.raises(DependencyMissing, match=package) as caught:
        load(folder_of(tmp_path, model_type=family))
    assert "install" in str(caught.value.hint)


def test_files_of_another_repository_are_never_fetched_and_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotRunnable, match="mlxk pull mlx-community/snac_24khz"):
        load(folder_of(tmp_path, model_type="qwen3"))


def test_a_folder_without_weights_or_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadFailed, match=r"no config\.json"):
        load(tmp_path)
    folder = build_soprano(tmp_path / "voice")
    (folder / "model.safetensors").rename(folder / "model.pt")
    with pytest.raises(ModelLoadFailed, match=r"no \*\.safetensors"):
        load(folder)


def test_code_of_the_folder_is_never_run(tmp_path: Path) -> None:
    folder = build_soprano(tmp_path)
    ran = tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')")
    file = folder / "tokenizer_config.json"
    settings = {**json.loads(file.read_text()), "auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
    settings.pop("tokenizer_class")
    file.write_text(json.dumps(settings))
    try:
        load(folder)
    except MlxkError as fault:
        assert "its own code" in fault.message or isinstance(fault, ModelLoadFailed)
    assert not ran.exists()


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1",)


@pytest.mark.parametrize(
    "deed",
    [
        lambda: socket.create_connection(("127.0.0.1", 9), 1),
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: subprocess.run(["true"], check=False),
        lambda: pickle.loads(pickle.dumps(Evil())),  # noqa: S301
    ],
)
def test_a_library_that_wants_more_is_stopped_and_others_are_not(deed: Callable[[], Any]) -> None:
    with confined(), pytest.raises(Confined, match="never done here"):
        deed()
    elsewhere: list[object] = []
    with confined():
        thread = Thread(target=lambda: elsewhere.append(pickle.loads(pickle.dumps(Evil()))))  # noqa: S301
        thread.start()
        thread.join()
    assert elsewhere == [1]
    assert pickle.loads(pickle.dumps(Evil())) == 1  # noqa: S301


def test_a_voice_that_reaches_for_a_network_while_it_speaks_fails_alone() -> None:
    class Reaching(ToyVoice):
        def generate(self, text: str, voice: str | None = None, speed: float = 1.0, **_: Any) -> Generator[Said]:
            socket.getaddrinfo("localhost", 80)
            yield from super().generate(text, voice, speed)

    with pytest.raises(MlxkError, match="reach a network"):
        said(toy(Reaching()), "Hi.")


def test_what_libraries_look_up_is_as_before_after_a_load(tmp_path: Path) -> None:
    before = vars(transformers.AutoTokenizer)["from_pretrained"]
    load(build_soprano(tmp_path))
    assert vars(transformers.AutoTokenizer)["from_pretrained"] is before


def test_draws_of_a_speech_change_nobody_else_s() -> None:
    def draw() -> float:
        return float(mx.random.uniform())

    mx.random.seed(5)
    plain = [draw(), draw()]
    mx.random.seed(5)
    first = draw()
    mine = Randomness(9)
    with mine.in_place():
        mx.random.uniform()
    assert [first, draw()] == plain
    with mine.in_place():
        second = draw()
    mx.random.seed(9)
    draw()
    assert draw() == second
