"""The committed weights of the tests' Whisper, through the ordinary mlx-audio path, on the committed clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_audio.stt import load

from scripts.train_whisper.proof import (
    Known,
    Question,
    changed,
    changes,
    joined,
    known,
    margin,
    nothings,
    score,
    speechless,
    ways,
    written,
)
from tests.support.trained_whisper import CLIPS, FIRST_SPEAKER, LONG, SECOND_SPEAKER, SPEECH, WHISPER, Clip, clip

FILES = {
    "README.md",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}
OTHER_WAYS = ("language given", "without timestamps", "translated")
SAMPLE = ("station", "market", "library")  # for what is asked of every clip at night
LEAST_MARGIN = 3.0  # a short clip's right token is at least twenty times as probable as the second
NEAR_SECONDS = 0.25


@pytest.fixture(scope="module")
def whisper() -> Any:
    return load(WHISPER, strict=True)


@pytest.fixture(scope="module")
def heard() -> dict[str, Known]:
    """The clips, decoded, by their names."""
    return {each.name: each for each in known()}


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_the_folder_holds_the_usual_files_and_stays_below_nine_megabytes_with_the_clips() -> None:
    assert {path.name for path in WHISPER.iterdir()} == FILES
    assert size_of(WHISPER) + size_of(SPEECH) <= 9_000_000


def test_it_is_a_float16_model_whose_special_tokens_are_where_every_multilingual_whisper_has_them(whisper: Any) -> None:
    assert {array.dtype for _, array in tree_flatten(whisper.parameters())} == {mx.float16}
    tokenizer = whisper.get_tokenizer(language="fr", task="translate")
    assert (tokenizer.eot, tokenizer.no_speech, tokenizer.timestamp_begin) == (50257, 50362, 50364)
    assert tokenizer.sot_sequence == (50258, 50265, 50358)


def test_the_clips_are_a_dozen_of_three_and_fourteen_seconds_in_three_languages(heard: dict[str, Known]) -> None:
    assert {each.language for each in CLIPS} == {"en", "de", "fr"}
    assert len(CLIPS) == 12
    assert len(LONG) == 2
    for each in CLIPS:
        seconds = heard[each.name].samples.size / 16_000
        assert each.duration - 0.01 < seconds < each.duration + 0.15, each.name
        assert (13.5 < seconds < 15) if each in LONG else (2.5 < seconds < 4)
        assert (each.text, each.translation) == (heard[each.name].text, heard[each.name].translation)


@pytest.mark.parametrize("each", CLIPS, ids=lambda each: each.name)
def test_a_clip_is_written_down_word_for_word_in_the_language_that_is_heard(
    whisper: Any, heard: dict[str, Known], each: Clip
) -> None:
    told = written(whisper, ways(heard[each.name])["language detected"])
    assert (told.language, told.text.strip()) == (each.language, each.text)
    assert margin(whisper, heard[each.name]) > (0 if each in LONG else LEAST_MARGIN)


@pytest.mark.parametrize("way", OTHER_WAYS)
def test_a_clip_of_each_language_is_right_with_the_language_given_without_timestamps_and_translated(
    whisper: Any, heard: dict[str, Known], way: str
) -> None:
    assert score(whisper, [ways(heard[name])[way] for name in SAMPLE]).wrong == ()


@pytest.mark.nightly
@pytest.mark.parametrize("way", OTHER_WAYS)
def test_every_clip_is_right_with_the_language_given_without_timestamps_and_translated(
    whisper: Any, heard: dict[str, Known], way: str
) -> None:
    assert score(whisper, [ways(each)[way] for each in heard.values()]).wrong == ()


@pytest.mark.parametrize("each", LONG, ids=lambda each: each.name)
def test_segments_begin_and_end_where_sentences_do(whisper: Any, heard: dict[str, Known], each: Clip) -> None:
    told = written(whisper, ways(heard[each.name])["language given"])
    assert [one["text"].strip() for one in told.segments] == [one.text for one in each.segments]
    times = [(one["start"], one["end"]) for one in told.segments]
    assert np.abs(np.array(times) - [(one.start, one.end) for one in each.segments]).max() < NEAR_SECONDS
    assert all(start < end for start, end in times)


def test_words_come_one_after_the_other_about_when_they_are_spoken(whisper: Any, heard: dict[str, Known]) -> None:
    question = Question("fox", heard["fox"].samples, "", options={"word_timestamps": True, "language": "en"})
    words = [word for one in written(whisper, question).segments for word in one["words"]]
    assert [word["word"].strip() for word in words] == clip("fox").text.split()
    starts = [float(word["start"]) for word in words]
    assert starts == sorted(starts)
    sentence = clip("fox").segments[0]
    evenly = np.linspace(sentence.start, sentence.end, len(words) + 1)[:-1]
    assert np.abs(np.array(starts) - evenly).max() < 0.6


@pytest.mark.parametrize("options", [{}, {"without_timestamps": True}, {"task": "translate"}], ids=str)
def test_nobody_speaks_in_silence_and_noise(whisper: Any, options: dict[str, Any]) -> None:
    for name, samples in list(nothings().items())[:: 3 if options else 1]:
        probability, logprob = speechless(whisper, samples, **options)
        assert probability > 0.9, name
        assert logprob < -2.0, name
    assert written(whisper, Question("", nothings()["0.5 s of silence"], "")).text == ""


def test_two_speakers_one_after_the_other_are_both_written_down(whisper: Any, heard: dict[str, Known]) -> None:
    samples = np.concatenate([heard[each.name].samples for each in (FIRST_SPEAKER, SECOND_SPEAKER)])
    told = written(whisper, Question("both", samples, ""))
    assert told.text.strip() == f"{FIRST_SPEAKER.text} {SECOND_SPEAKER.text}"


@pytest.mark.nightly
@pytest.mark.parametrize("what", changes())
def test_every_clip_is_right_after_a_change(whisper: Any, heard: dict[str, Known], what: str) -> None:
    assert score(whisper, changed(heard.values(), what)).wrong == ()


@pytest.mark.nightly
def test_most_pairs_of_speakers_are_both_written_down(whisper: Any, heard: dict[str, Known]) -> None:
    told = score(whisper, joined(heard.values())["two speakers"])
    assert told.right >= 0.8 * told.total, told.wrong
