"""What each family can be asked for, and what is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.inference.speaking.speaker import Speaker, speaker_of
from domain.errors import CapabilityMismatch, MlxkError, ModelNotRunnable, UnsupportedParameter
from domain.inference.speech import SpeechRequest


class Kokoro:
    def generate(
        self, text: str, voice: str = "af_heart", speed: float = 1.0, lang_code: str = "a", **_: Any
    ) -> Iterator[Any]:
        yield text, voice, speed, lang_code


class Qwen3:
    def __init__(self, kind: str, speakers: list[str] | None = None) -> None:
        self.config = SimpleNamespace(tts_model_type=kind)
        self.speakers = speakers

    def get_supported_speakers(self) -> list[str] | None:
        return self.speakers

    def generate(  # noqa: PLR0917 - as mlx-audio has it
        self, text: str, voice: str | None = None, instruct: str | None = None, speed: float = 1.0,
        lang_code: str = "auto", max_tokens: int = 4096, verbose: bool = False,
    ) -> Iterator[Any]:  # fmt: skip
        yield text, voice, instruct, speed, lang_code, max_tokens, verbose


class Cloner:
    def generate(self, text: str, ref_audio: str) -> Iterator[Any]:
        yield text, ref_audio


class Part:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "voices").mkdir()
    for name in ("bf_emma.safetensors", "af_heart.safetensors", "pickled.pt", "../voices/zz.npz"):
        (tmp_path / "voices" / name).touch()
    return tmp_path


def kokoro(folder: Path) -> Speaker:
    return speaker_of(Kokoro(), "kokoro", folder, "org/kokoro")


def wishes(speaker: Speaker, **asked: Any) -> dict[str, Any]:
    return speaker.options(SpeechRequest("Hi.", **asked))


def test_voices_are_the_files_that_hold_no_pickles(folder: Path) -> None:
    speaker = kokoro(folder)
    assert speaker.voices == ("af_heart", "bf_emma")
    assert wishes(speaker) == {"voice": "af_heart"}
    assert wishes(speaker, voice="default") == {"voice": "af_heart"}
    assert wishes(speaker, voice="BF_Emma") == {"voice": "bf_emma"}


@pytest.mark.parametrize(
    "voice", ["pickled", "alloy", "../voices/af_heart", "/etc/passwd", "http://x/y.wav", "af_heart,x"]
)
def test_another_voice_is_refused_with_those_that_there_are(folder: Path, voice: str) -> None:
    with pytest.raises(CapabilityMismatch) as caught:
        wishes(kokoro(folder), voice=voice)
    assert (caught.value.param, caught.value.hint) == ("voice", "it has af_heart, bf_emma")


def test_without_the_usual_voice_the_first_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices/jf_alpha.safetensors").touch()
    assert wishes(kokoro(tmp_path)) == {"voice": "jf_alpha"}


def test_speed_and_language_go_to_families_that_heed_them(folder: Path) -> None:
    asked = wishes(kokoro(folder), speed=1.5, language="fr")
    assert (asked["speed"], asked["lang_code"]) == (1.5, "f")
    with pytest.raises(CapabilityMismatch) as caught:
        wishes(kokoro(folder), language="de")
    assert (caught.value.param, caught.value.hint) == ("language", "it knows en, es, fr, hi, it, ja, pt, zh")


@pytest.mark.parametrize(
    ("wish", "param"),
    [({"speed": 1.5}, "speed"), ({"language": "xx"}, "language"), ({"instructions": "calm"}, "instructions")],
)
def test_what_a_family_ignores_is_refused(tmp_path: Path, wish: dict[str, Any], param: str) -> None:
    speaker = speaker_of(Qwen3("base"), "qwen3_tts", tmp_path, "org/qwen")
    with pytest.raises(MlxkError) as caught:
        wishes(speaker, **wish)
    assert caught.value.param == param


def test_a_model_with_speakers_speaks_as_the_first_where_nobody_says(tmp_path: Path) -> None:
    speaker = speaker_of(Qwen3("custom_voice", ["vivian", "ryan"]), "qwen3_tts", tmp_path, "org/qwen")
    asked = wishes(speaker, language="de", instructions=" calm ")
    assert asked == {
        "voice": "vivian", "lang_code": "german", "instruct": "calm", "max_tokens": 1024, "verbose": False
    }  # fmt: skip
    assert wishes(speaker, voice="Ryan")["voice"] == "ryan"


def test_a_voice_that_is_designed_wants_a_description(tmp_path: Path) -> None:
    speaker = speaker_of(Qwen3("voice_design"), "qwen3_tts", tmp_path, "org/qwen")
    with pytest.raises(CapabilityMismatch) as caught:
        wishes(speaker)
    assert caught.value.param == "instructions"
    assert wishes(speaker, instructions="a deep voice")["instruct"] == "a deep voice"


def test_a_family_without_speed_says_so(folder: Path) -> None:
    with pytest.raises(UnsupportedParameter, match="one speed"):
        wishes(speaker_of(Kokoro(), "another", folder, "org/x"), speed=2.0)


@pytest.mark.parametrize(
    ("model", "says"), [(Cloner(), "more than a text: ref_audio"), (Part(), "says nothing by itself")]
)
def test_what_cannot_speak_from_a_text_alone_does_not_run(model: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelNotRunnable, match=says):
        speaker_of(model, "cloner", tmp_path, "org/x")
