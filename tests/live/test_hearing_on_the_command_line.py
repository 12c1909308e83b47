"""`mlxk transcribe` and `mlxk run --audio` with each model of the portfolio that hears."""

from __future__ import annotations

import json
import re

import pytest

from tests.plugins.live_house import MakeHouse
from tests.support.heard_words import agrees
from tests.support.portfolio import PortfolioModel
from tests.support.trained_whisper import Clip, clip

pytestmark = [pytest.mark.live, pytest.mark.live_run]
SHORT_WAV, LONG_MP3 = clip("fox"), clip("market")
TABLE = "| Start | End | Text |"


@pytest.mark.parametrize("each", [SHORT_WAV, LONG_MP3], ids=["3 s, wav", "14 s, mp3"])
def test_what_is_said_is_written_down(house_of: MakeHouse, audio_model_info: PortfolioModel, each: Clip) -> None:
    told = house_of(audio_model_info).text("transcribe", audio_model_info.name, str(each.path))
    assert agrees(told, each.text, audio_model_info), told


def test_the_language_may_be_given(house_of: MakeHouse, audio_model_info: PortfolioModel) -> None:
    words = ("transcribe", audio_model_info.name, str(LONG_MP3.path), "--language", "de", "--format", "verbose_json")
    told = json.loads(house_of(audio_model_info).text(*words))
    assert told["language"] == "de"
    assert told["duration"] == pytest.approx(LONG_MP3.duration, abs=0.2)
    assert agrees(told["text"], LONG_MP3.text, audio_model_info)


def test_times_of_subtitles_never_go_back(house_of: MakeHouse, audio_model_info: PortfolioModel) -> None:
    words = ("transcribe", audio_model_info.name, str(LONG_MP3.path), "--format", "vtt")
    times = re.findall(r"\d\d:\d\d:\d\d\.\d{3}", house_of(audio_model_info).text(*words))
    assert times
    assert times == sorted(times)


@pytest.mark.parametrize("wanted", [False, True], ids=["without its variable", "with it"])
def test_run_hears_and_tells_a_table_of_segments_only_when_asked(
    house_of: MakeHouse, audio_model_info: PortfolioModel, *, wanted: bool
) -> None:
    variable = {"MLXK2_AUDIO_SEGMENTS": "1"} if wanted else {}
    words = ("run", audio_model_info.name, "--audio", str(SHORT_WAV.path))
    done = house_of(audio_model_info).run(*words, stdin=None, **variable)
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode()
    assert (TABLE in told) is wanted
    assert agrees(told.partition(TABLE)[0], SHORT_WAV.text, audio_model_info), told


def test_words_alone_are_not_for_a_model_that_only_hears(house_of: MakeHouse, audio_model_info: PortfolioModel) -> None:
    told = house_of(audio_model_info).envelope("run", audio_model_info.name, "Who are you?")
    assert told["status"] == "error"
    assert "--audio" in f"{told['error']['message']} {told['error']['hint']}"
