"""Voices are heard, quiet and loud and in noise; noises are not, however loud and however they begin."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from adapters.voice_activity.detector import PitchDetector
from domain.inference.spoken_turns import TurnBegan, TurnEnded, TurnRules, TurnTaker
from ports.voice_detector import FRAME_MS
from tests.support.voices import mixed, pink_noise, silence, voice, white_noise

RATE = 16_000


def scores(sound: bytes, rate: int = RATE) -> Sequence[float]:
    return PitchDetector(rate).hear(sound)


def turns(sound: bytes, rate: int = RATE) -> list[tuple[int, int]]:
    """From and to, in milliseconds."""
    events = TurnTaker(TurnRules(prefix_ms=0), FRAME_MS).hear(scores(sound, rate))
    return [(each.start * FRAME_MS, each.end * FRAME_MS) for each in events if isinstance(each, TurnEnded)]


@pytest.mark.parametrize("loudness", [0.01, 0.03, 0.3, 0.95])
def test_a_voice_is_one_turn_quiet_or_loud(loudness: float) -> None:
    ((start, end),) = turns(silence(0.5, RATE) + voice(2, RATE, loudness) + silence(1, RATE))
    assert abs(start - 500) <= 120
    assert abs(end - 500 - 2500) <= 200


@pytest.mark.parametrize("pitch", [80, 120, 220, 350])
def test_low_and_high_voices_are_heard(pitch: float) -> None:
    assert len(turns(silence(0.5, RATE) + voice(1.5, RATE, pitch=pitch) + silence(1, RATE))) == 1


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_every_rate_of_a_line_is_heard_alike(rate: int) -> None:
    ((start, end),) = turns(silence(0.5, rate) + voice(1, rate) + silence(1, rate), rate)
    assert abs(start - 500) <= 120
    assert abs(end - 2000) <= 250


def test_a_voice_from_the_very_first_sample_is_heard() -> None:
    ((start, _),) = turns(voice(2, RATE) + silence(1, RATE))
    assert start <= 300  # the prefix of a turn reaches back as far


@pytest.mark.parametrize("loudness", [0.001, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("noise", [white_noise, pink_noise])
@pytest.mark.parametrize("before", [0.0, 1.0])
def test_noise_is_no_turn_even_where_it_begins_suddenly(noise: object, loudness: float, before: float) -> None:
    assert callable(noise)
    events = TurnTaker(TurnRules(), FRAME_MS).hear(scores(silence(before, RATE) + noise(3, RATE, loudness)))
    assert [each for each in events if isinstance(each, TurnBegan)] == []


@pytest.mark.parametrize("noise", [white_noise, pink_noise])
def test_a_voice_in_noise_that_is_quieter_is_heard(noise: object) -> None:
    assert callable(noise)
    sound = mixed(silence(1, RATE) + voice(2, RATE, 0.3) + silence(1.5, RATE), noise(4.5, RATE, 0.01))
    ((start, end),) = turns(sound)
    assert abs(start - 1000) <= 300
    assert abs(end - 3500) <= 400


def test_a_hum_that_never_changes_is_no_turn_for_long() -> None:
    """Mains hum has a pitch; what is always there is the floor all the same."""
    taker = TurnTaker(TurnRules(), FRAME_MS)
    period = voice(0.25, RATE, 0.1)[4000:4266]  # at the top of a vowel
    steady = period * 400
    events = list(taker.hear(scores(steady)))
    assert [each for each in events if isinstance(each, TurnBegan)] == []
