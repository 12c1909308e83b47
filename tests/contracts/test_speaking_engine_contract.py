"""What a SoundEngine and its codec do that speak: a voice with random weights, and one without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import CapabilityMismatch, GenerationFailed, MlxkError
from domain.inference.sound import SoundFormat, SoundSamples
from domain.inference.speech import SpeechPiece, SpeechRequest, Spoken
from domain.inference.transcription import TranscriptionRequest
from ports.sound_engine import LoadedSound, SoundJob
from tests.support.voices import begin, build_soprano, finish, load_soprano, loudness, said, toy
from tests.support.voices import heard as played

AUDIBLE = 0.005


@pytest.fixture(scope="module", params=["toy", "soprano"])
def voice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadedSound]:
    made = toy() if request.param == "toy" else load_soprano(build_soprano(tmp_path_factory.mktemp("voice")))
    yield made
    made.engine.close()


@pytest.fixture(autouse=True)
def idle(voice: LoadedSound) -> Iterator[None]:
    yield
    assert voice.engine.jobs == 0


@pytest.mark.parametrize("kind", list(SoundFormat))
@pytest.mark.parametrize("streamed", [False, True])
def test_it_is_heard_in_every_format(voice: LoadedSound, kind: SoundFormat, streamed: bool) -> None:
    data, spoken = said(voice, "Hi.", seed=1, format=kind, streamed=streamed)
    samples, rate = played(data, kind)
    assert rate == spoken.rate
    slack = 0.2 if kind is SoundFormat.MP3 and streamed else 0.01
    assert len(samples) / rate == pytest.approx(spoken.duration_seconds, abs=slack)
    assert loudness(samples) > AUDIBLE


def test_the_same_seed_is_the_same_sound_and_another_one_is_not(voice: LoadedSound) -> None:
    first, again, other = (said(voice, "Hi.", seed=seed)[0] for seed in (1, 1, 2))
    assert first == again != other


def test_what_is_streamed_is_what_is_whole(voice: LoadedSound) -> None:
    whole, streamed = (said(voice, "Hi.", seed=1, format=SoundFormat.PCM, streamed=each)[0] for each in (False, True))
    assert whole == streamed


def test_two_at_once_sound_as_each_alone(voice: LoadedSound) -> None:
    texts = ["One.\nTwo.", "Three.\nFour."]
    alone = [said(voice, text, seed=at, format=SoundFormat.PCM)[0] for at, text in enumerate(texts)]
    for at, text in enumerate(texts):
        begin(voice, text, at, seed=at, format=SoundFormat.PCM, streamed=True)
    assert voice.engine.pulse().reading == 2
    told = finish(voice)
    for at in range(2):
        assert b"".join(event.data for event in told[at] if isinstance(event, SpeechPiece)) == alone[at]
        assert isinstance(told[at][-1], Spoken)


def test_a_speech_that_is_dropped_says_nothing_more(voice: LoadedSound) -> None:
    begin(voice, "One.\nTwo.", 7)
    voice.engine.step()
    assert voice.engine.jobs == 1
    voice.engine.drop(7)
    voice.engine.drop(7)
    assert voice.engine.jobs == 0
    assert not voice.engine.step()


def test_it_says_how_long_a_step_may_take(voice: LoadedSound) -> None:
    said(voice, "Hi.", seed=1)
    assert voice.engine.pulse().step_seconds > 0


def test_what_it_cannot_do_is_refused_before_anything_is_said(voice: LoadedSound) -> None:
    for wish, param in (({"voice": "alloy"}, "voice"), ({"speed": 2.0}, "speed"), ({"language": "de"}, "language"),
                        ({"instructions": "whisper"}, "instructions")):  # fmt: skip
        with pytest.raises(MlxkError) as caught:
            voice.codec.prepare(SpeechRequest("Hi.", **wish))
        assert caught.value.param == param
    voice.codec.prepare(SpeechRequest("Hi.", voice="default"))


def test_a_sound_to_be_heard_is_refused(voice: LoadedSound) -> None:
    request = TranscriptionRequest(SoundSamples(b"\0\0", 16_000))
    with pytest.raises(CapabilityMismatch):
        voice.codec.prepare(request)
    with pytest.raises(CapabilityMismatch):
        voice.engine.add(SoundJob(1, request, None))


def test_what_another_codec_prepared_is_refused(voice: LoadedSound) -> None:
    with pytest.raises(GenerationFailed):
        voice.engine.add(SoundJob(1, SpeechRequest("Hi."), object()))


def test_a_closed_engine_takes_nothing(tmp_path: Path) -> None:
    closed = toy()
    begin(closed, "Hi.")
    closed.engine.close()
    closed.engine.close()
    assert closed.engine.jobs == 0
    with pytest.raises(GenerationFailed):
        begin(closed, "Hi.")
