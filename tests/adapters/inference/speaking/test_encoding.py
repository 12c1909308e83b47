"""Files that players read: formats agree, headers tell the truth, and streams need no second look."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from adapters.inference.speaking.encoding import MP3_RATES, encoder_for, wav_header
from domain.inference.sound import SoundFormat
from tests.support.random_voices import heard, loudness

RATE = 32_000
SECONDS = 1.5
SAMPLES = (0.4 * np.sin(np.arange(int(RATE * SECONDS)) * (2 * np.pi * 440 / RATE))).astype(np.float32)


def encoded(
    kind: SoundFormat, *, streamed: bool = False, rate: int = RATE, samples: npt.NDArray[np.float32] = SAMPLES
) -> tuple[bytes, list[int]]:
    """The file, and how many bytes were there after each push and the end."""
    encoder = encoder_for(kind, rate, streamed=streamed)
    pieces = [encoder.push(samples[at : at + 5000]) for at in range(0, len(samples), 5000)]
    pieces.append(encoder.rest())
    assert encoder.seconds == pytest.approx(len(samples) / rate, abs=1e-3)
    return b"".join(pieces), [len(each) for each in pieces]


@pytest.mark.parametrize("streamed", [False, True])
def test_wav_and_flac_are_the_same_samples(streamed: bool) -> None:
    wav, flac = (heard(encoded(kind, streamed=streamed)[0], kind) for kind in (SoundFormat.WAV, SoundFormat.FLAC))
    assert wav[1] == flac[1] == RATE
    assert np.array_equal(wav[0], flac[0])
    assert np.abs(wav[0] - SAMPLES).max() < 1e-4


def test_mp3_is_the_same_sound_at_the_same_place() -> None:
    samples, rate = heard(encoded(SoundFormat.MP3)[0], SoundFormat.MP3)
    assert rate == RATE
    assert len(samples) == len(SAMPLES)
    middle = slice(RATE // 4, -RATE // 4)
    louder = loudness(SAMPLES) / loudness(samples[middle])  # LAME leaves a little room
    assert 1.0 <= louder < 1.1
    assert loudness(samples[middle] * louder - SAMPLES[middle]) < 0.02 * loudness(SAMPLES)


def test_pcm_has_one_rate_whatever_the_model_has() -> None:
    samples, rate = heard(encoded(SoundFormat.PCM)[0], SoundFormat.PCM)
    assert len(samples) == SECONDS * rate
    expected = 0.4 * np.sin(np.arange(len(samples)) * (2 * np.pi * 440 / rate))
    assert np.abs(samples - expected)[1000:-1000].max() < 1e-3


@pytest.mark.parametrize("kind", list(SoundFormat))
def test_a_stream_gives_out_what_is_ready(kind: SoundFormat) -> None:
    _, sizes = encoded(kind, streamed=True)
    assert sum(size > 0 for size in sizes[:-1]) >= 2


@pytest.mark.parametrize("kind", [SoundFormat.WAV, SoundFormat.MP3, SoundFormat.FLAC])
def test_a_whole_file_comes_at_its_end_and_knows_its_length(kind: SoundFormat) -> None:
    whole, sizes = encoded(kind)
    streamed, _ = encoded(kind, streamed=True)
    assert sizes[:-1] == [0] * (len(sizes) - 1)
    assert len(whole) == len(streamed)
    assert whole != streamed


def test_the_header_of_a_whole_wav_counts_its_bytes() -> None:
    whole, _ = encoded(SoundFormat.WAV)
    assert int.from_bytes(whole[4:8], "little") == len(whole) - 8
    assert int.from_bytes(whole[40:44], "little") == len(whole) - 44


def test_a_stream_s_header_says_that_nobody_knows() -> None:
    assert wav_header(RATE, None)[40:44] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize("kind", list(SoundFormat))
@pytest.mark.parametrize("streamed", [False, True])
def test_nothing_said_is_an_empty_file_and_no_fault(kind: SoundFormat, streamed: bool) -> None:
    data, _ = encoded(kind, streamed=streamed, samples=SAMPLES[:0])
    if kind is SoundFormat.WAV:
        assert len(data) == 44


@pytest.mark.parametrize(("rate", "becomes"), [(24_000, 24_000), (23_000, 24_000), (50_000, 48_000), (44_100, 44_100)])
def test_mp3_takes_the_next_rate_that_it_has(rate: int, becomes: int) -> None:
    samples, found = heard(encoded(SoundFormat.MP3, rate=rate)[0], SoundFormat.MP3)
    assert found == becomes
    assert found in MP3_RATES
    assert len(samples) / found == pytest.approx(len(SAMPLES) / rate, abs=0.01)


def test_what_is_beyond_full_scale_is_clipped() -> None:
    samples, _ = heard(encoded(SoundFormat.WAV, samples=SAMPLES * 10)[0], SoundFormat.WAV)
    assert np.all(samples[SAMPLES > 0.11] > 0.999)
    assert np.all(samples[SAMPLES < -0.11] < -0.999)
