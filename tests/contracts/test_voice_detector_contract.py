"""Whatever tells speech from the rest: frames are counted the same way, however the sound is cut up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.voice_activity.detector import PitchDetectors
from ports.voice_detector import VoiceDetectors
from tests.support.fakes.voice_detectors import LoudnessDetectors, loud, quiet
from tests.support.voices import voice

RATES = (8_000, 16_000, 24_000, 48_000)

Speech = Callable[[float, int], bytes]


@pytest.fixture(params=[(PitchDetectors(), voice), (LoudnessDetectors(), loud)], ids=["pitch", "loudness"])
def kind(request: pytest.FixtureRequest) -> tuple[VoiceDetectors, Speech]:
    made: tuple[VoiceDetectors, Speech] = request.param
    return made


@pytest.mark.parametrize("rate", RATES)
def test_each_whole_frame_has_one_score(kind: tuple[VoiceDetectors, Speech], rate: int) -> None:
    detector = kind[0].for_line(rate)
    assert len(detector.hear(quiet(0.1, rate))) == 5
    assert len(detector.hear(quiet(0.01, rate))) == 0
    assert len(detector.hear(quiet(0.01, rate))) == 1
    assert len(detector.hear(b"")) == 0


@pytest.mark.parametrize("rate", RATES)
def test_it_does_not_matter_in_which_pieces_a_sound_comes(kind: tuple[VoiceDetectors, Speech], rate: int) -> None:
    detectors, speech = kind
    sound = quiet(0.2, rate) + speech(0.5, rate) + quiet(0.2, rate)
    in_pieces = detectors.for_line(rate)
    scores = [score for at in range(0, len(sound), 998) for score in in_pieces.hear(sound[at : at + 998])]
    assert scores == list(detectors.for_line(rate).hear(sound))


@pytest.mark.parametrize("rate", RATES)
def test_speech_is_likely_and_silence_is_not(kind: tuple[VoiceDetectors, Speech], rate: int) -> None:
    detectors, speech = kind
    scores = detectors.for_line(rate).hear(quiet(0.4, rate) + speech(1.0, rate) + quiet(1.0, rate))
    assert max(scores[:20]) < 0.1
    assert sum(score > 0.5 for score in scores[20:70]) > 35
    assert max(scores[-20:]) < 0.1
    assert all(0 <= score <= 1 for score in scores)


def test_lines_know_nothing_of_one_another(kind: tuple[VoiceDetectors, Speech]) -> None:
    detectors, speech = kind
    alone = list(detectors.for_line(24_000).hear(speech(0.5, 24_000)))
    one, other = detectors.for_line(24_000), detectors.for_line(24_000)
    other.hear(speech(0.3, 24_000))
    assert list(one.hear(speech(0.5, 24_000))) == alone
