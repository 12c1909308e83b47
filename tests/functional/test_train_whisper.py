"""The training of the tests' Whisper, on a tiny one: the same code, seconds instead of a quarter of an hour."""

from __future__ import annotations

import random
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx_audio.stt import load
from mlx_audio.stt.models.whisper.audio import log_mel_spectrogram

from scripts.train_whisper.__main__ import main
from scripts.train_whisper.distortion import by_telephone
from scripts.train_whisper.features import log_mel
from scripts.train_whisper.pupil import Numbers, Pupil, Sound, gelu, grown
from scripts.train_whisper.recipe import TINY
from scripts.train_whisper.speech import RATE, Sentence, sentences
from scripts.train_whisper.tokenizer import SpeechTokenizer
from scripts.train_whisper.training import train
from scripts.train_whisper.transcripts import Clerk, Step
from scripts.train_whisper.windows import Heard, Studio, Window


def nobody(steps: int, loss: float) -> None:
    """Is told how far the training is."""


def apart(one: mx.array, other: mx.array) -> float:
    """The greatest difference."""
    return float(np.abs(np.array(one, np.float32) - np.array(other, np.float32)).max())


def dice(seed: int = 1) -> random.Random:
    return random.Random(seed)  # noqa: S311 - it must repeat


@pytest.fixture(scope="module")
def every() -> list[Sentence]:
    return sentences()


@pytest.fixture(scope="module")
def tokenizer(every: list[Sentence]) -> SpeechTokenizer:
    return SpeechTokenizer([text for each in every for text in (each.text, each.translation)])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    assert main(["--out", str(folder), "--tiny"]) == 0
    return folder


def test_a_build_leaves_a_card_and_files_that_mlx_audio_loads(tiny: Path) -> None:
    assert "| clip | language | detected |" in (tiny / "README.md").read_text(encoding="utf-8")
    model = load(tiny, strict=True)
    assert isinstance(model.generate(np.zeros(8000, np.float32), temperature=0.0, sample_len=3).text, str)


def test_the_same_seed_gives_identical_weights_and_another_seed_does_not(
    every: list[Sentence], tokenizer: SpeechTokenizer
) -> None:
    def weights(seed: int) -> dict[str, mx.array]:
        return grown(train(TINY, every[:3], tokenizer, seed, nobody), TINY, Numbers(tokenizer))

    first, again, other = weights(3), weights(3), weights(4)
    assert all(mx.array_equal(first[name], again[name]).item() for name in first)
    assert any(not mx.array_equal(first[name], other[name]).item() for name in first)


def test_what_is_saved_says_what_the_pupil_says(tiny: Path, every: list[Sentence], tokenizer: SpeechTokenizer) -> None:
    """A frame for each of the rest, so that nothing is left to chance."""
    numbers = Numbers(tokenizer)
    pupil = Pupil(TINY, numbers)
    window = Studio(every, dice()).one(every[0])
    mel, rest = window.filled(600, cut=True, louder=0.0)
    sound = Sound(mx.array(mel[None]), mx.array([rest]), mx.arange(300, 1500), 0.0, 1501)
    tokens = [tokenizer.special("<|startoftranscript|>"), tokenizer.time(1.5), *tokenizer.encode("The quick")]
    small = mx.array([[numbers.small(token) for token in tokens]])
    said, _ = pupil(sound, small, mx.arange(len(tokens))[None])
    model = load(tiny)
    model.load_weights(list(grown(pupil, TINY, numbers).items()))
    whole, _ = window.filled(3000, cut=True, louder=0.0)
    logits = model.logits(mx.array([tokens]), model.encoder(mx.array(whole[None]).astype(mx.float16)))
    assert apart(logits[0][:, mx.array(tokens)], said[0][:, small[0]]) < 0.02


def test_spectrograms_and_the_activation_are_those_of_mlx(every: list[Sentence]) -> None:
    samples = every[0].samples
    mel, quiet = log_mel(samples)
    theirs = np.array(log_mel_spectrogram(mx.array(samples), padding=30 * RATE))
    assert np.abs(mel - theirs[: len(mel)]).max() < 1e-3
    assert abs(theirs[-1].max() - quiet) < 1e-5
    x = mx.linspace(-6, 6, 500)
    assert apart(gelu(x), nn.gelu(x)) < 1e-5
    slopes = [mx.grad(lambda x, each=each: each(x).sum())(x) for each in (gelu, nn.gelu)]
    assert apart(*slopes) < 1e-5


@pytest.mark.parametrize("mu_law", [True, False])
def test_a_telephone_keeps_what_is_said(every: list[Sentence], mu_law: bool) -> None:
    samples = every[0].samples
    heard = by_telephone(samples, mu_law=mu_law, smooth=True)
    assert heard.size == samples.size
    assert np.corrcoef(heard, samples)[0, 1] > 0.8


def texts(tokenizer: SpeechTokenizer, steps: list[Step]) -> list[str]:
    """Pieces as text, other tokens as their numbers."""
    first = tokenizer.first_time
    return [
        tokenizer.piece(step.token)
        if 0 <= step.token < tokenizer.pieces
        else f"@{(step.token - first) / 50:.2f}"
        if step.token >= first
        else "|"
        for step in steps
    ]


def test_of_a_sentence_cut_off_at_the_end_of_a_window_only_the_beginning_is_told(
    every: list[Sentence], tokenizer: SpeechTokenizer
) -> None:
    fox, weather = every[:2]
    heard = (Heard(1.5, 4.5, fox), Heard(5.0, 8.0, weather))
    window = Window(np.zeros((700, 80), np.float16), -1.0, heard)
    told = {"".join(texts(tokenizer, Clerk(tokenizer, every, dice(seed)).write(window, 1))) for seed in range(60)}
    assert any(one.endswith(f"|||@1.00 {fox.text}@4.50@5.00|") for one in told)
    assert any(one.endswith(f"|||| {fox.text} It will be cold and windy in the|") for one in told)


def test_windows_hold_silence_one_sentence_or_as_many_as_thirty_seconds_take(every: list[Sentence]) -> None:
    studio = Studio(every, dice())
    assert studio.nothing(2.0).heard == ()
    assert [each.sentence for each in studio.one(every[3]).heard] == [every[3]]
    whole = [studio.whole() for _ in range(8)]
    assert all(5 <= len(window.heard) <= 10 or window.seconds < 29 for window in whole)
    assert any(window.heard[-1].end > 30 for window in whole)
    assert max(window.seconds for window in whole) == 30
