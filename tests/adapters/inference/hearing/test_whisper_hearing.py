"""Whisper by our own loop: word for word, and as mlx-audio has it where that is right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from mlx_audio.stt.utils import load_model

from adapters.inference.sound.runtime import MlxSoundRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import CapabilityMismatch
from domain.inference.sound import Sound, SoundFile, SoundSamples
from domain.inference.transcription import HearingTask, Transcription, TranscriptionRequest
from domain.serving.load_options import LoadOptions, Task
from ports.sound_engine import LoadedSound, SoundJob
from tests.support.trained_whisper import LONG, SHORT, WHISPER, Clip

RATE = 16_000


@pytest.fixture(scope="module")
def ears() -> Iterator[LoadedSound]:
    model = LocatedModel("org/whisper", WHISPER, ModelSource.WORKSPACE)
    loaded = MlxSoundRuntime().load(model, LoadOptions(task=Task.TRANSCRIBE))
    yield loaded
    loaded.engine.close()


def heard(ears: LoadedSound, sound: Sound | Clip, **wishes: object) -> Transcription:
    given = SoundFile(sound.path) if isinstance(sound, Clip) else sound
    request = TranscriptionRequest(given, **wishes)  # type: ignore[arg-type]
    ears.engine.add(SoundJob(1, request, ears.codec.prepare(request)))
    told: list[object] = []
    while ears.engine.jobs:
        told += [event for _, event in ears.engine.step()]
    whole = told[-1]
    assert isinstance(whole, Transcription), whole
    return whole


def silence(seconds: float) -> SoundSamples:
    return SoundSamples(bytes(int(seconds * RATE) * 2), RATE)


@pytest.mark.parametrize("clip", SHORT, ids=lambda clip: clip.name)
def test_a_sentence_is_heard_word_for_word_in_its_language(ears: LoadedSound, clip: Clip) -> None:
    whole = heard(ears, clip)
    assert (whole.text, whole.language) == (clip.text, clip.language)
    assert whole.duration_seconds == pytest.approx(clip.duration, abs=0.1)
    assert heard(ears, clip, task=HearingTask.TRANSLATE).text == clip.translation


def test_texts_and_segments_are_as_mlx_audio_has_them(ears: LoadedSound) -> None:
    raw = load_model(WHISPER)
    for clip in SHORT[:2]:
        told, whole = raw.generate(str(clip.path)), heard(ears, clip)
        assert whole.text == told.text.strip() and whole.language == told.language
        expected = [(tuple(each["tokens"]), each["seek"], each["temperature"]) for each in told.segments]
        assert [(each.tokens, each.seek, each.temperature) for each in whole.segments] == expected
        for ours, theirs in zip(whole.segments, told.segments, strict=True):
            assert ours.end == pytest.approx(theirs["end"], abs=0.001)
            assert ours.average_logprob == pytest.approx(theirs["avg_logprob"], abs=0.02)
            assert ours.no_speech_probability == pytest.approx(theirs["no_speech_prob"], abs=0.02)
            assert ours.compression_ratio == pytest.approx(theirs["compression_ratio"], abs=0.001)


def test_a_language_that_is_given_is_taken(ears: LoadedSound) -> None:
    assert heard(ears, SHORT[0], language="en").language == "en"
    with pytest.raises(CapabilityMismatch) as caught:
        heard(ears, SHORT[0], language="xx")
    assert caught.value.param == "language" and "de" in (caught.value.hint or "")


def test_words_have_times_in_order_within_their_segment_and_change_nothing(ears: LoadedSound) -> None:
    for clip in (SHORT[0], LONG[0]):
        plain, worded = heard(ears, clip), heard(ears, clip, words=True)
        assert worded.text == plain.text and worded.prompt_tokens == plain.prompt_tokens
        for segment in worded.segments:
            assert "".join(word.text for word in segment.words) == segment.text
            earliest = segment.start
            for word in segment.words:
                assert earliest <= word.start <= word.end <= segment.end and 0 < word.probability <= 1
                earliest = word.end


def test_words_are_told_about_when_they_are_said(ears: LoadedSound) -> None:
    words = heard(ears, SHORT[0], words=True).words
    assert [word.text for word in words] == [f" {word}" for word in SHORT[0].text.split()]
    spoken = SHORT[0].segments[0]
    each = (spoken.end - spoken.start) / len(words)
    for at, word in enumerate(words):
        assert word.start == pytest.approx(spoken.start + at * each, abs=0.5)


def test_without_times_there_are_the_same_words_and_no_timestamps(ears: LoadedSound) -> None:
    whole = heard(ears, SHORT[0], times=False)
    assert whole.text == SHORT[0].text
    (segment,) = whole.segments
    assert segment.start == 0 and segment.end == pytest.approx(whole.duration_seconds, abs=0.01)
    assert max(segment.tokens) < 50257


def test_a_prompt_is_said_to_the_model_before_the_sound(ears: LoadedSound) -> None:
    plain, prompted = heard(ears, SHORT[0]), heard(ears, SHORT[0], prompt="The fox")
    assert plain.prompt_tokens == 3 and prompted.prompt_tokens > 4


def test_a_given_temperature_stands_alone_and_draws_the_same_again(ears: LoadedSound) -> None:
    first, second = (heard(ears, SHORT[0], temperature=0.4) for _ in range(2))
    assert first == second
    assert {segment.temperature for segment in first.segments} == {0.4}


def test_a_sound_of_several_rates_and_kinds_is_heard_as_the_same(ears: LoadedSound) -> None:
    from adapters.inference.sound.decoding import decoded
    from adapters.inference.sound.resampling import Resampler

    samples = decoded(SoundFile(SHORT[0].path), RATE).samples
    up = Resampler(RATE, 48_000)
    wide = np.concatenate([up.push(samples), up.rest()])
    for rate, given in ((RATE, samples), (48_000, wide)):
        data = (np.clip(given, -1, 1) * 32767).astype("<i2").tobytes()
        assert heard(ears, SoundSamples(data, rate)).text == SHORT[0].text


@pytest.mark.parametrize("seconds", [0.001, 0.5, 65.0])
def test_silence_of_any_length_has_an_end(ears: LoadedSound, seconds: float) -> None:
    whole = heard(ears, silence(seconds), words=True)
    assert whole.duration_seconds == pytest.approx(seconds, abs=0.001)
    assert all(segment.end <= seconds for segment in whole.segments)


def test_two_sentences_half_a_minute_apart_are_heard_in_two_windows(ears: LoadedSound) -> None:
    from adapters.inference.sound.decoding import decoded

    one, two = (decoded(SoundFile(clip.path), RATE).samples for clip in SHORT[:2])
    both = np.concatenate([one, np.zeros(30 * RATE - len(one), np.float32), two])
    whole = heard(ears, SoundSamples((both * 32767).astype("<i2").tobytes(), RATE), language="en")
    assert whole.text.startswith(SHORT[0].text) and whole.text.endswith(SHORT[1].text)
    assert [segment.seek for segment in (whole.segments[0], whole.segments[-1])] == [0, 3000]
    assert whole.segments[-1].start >= 30
