"""Asking the saved files, through mlx-audio's own loop, about the clips as they are and as they come elsewhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import mlx.core as mx
import numpy as np
from mlx_audio.stt.models.whisper.audio import N_FRAMES, log_mel_spectrogram, pad_or_trim

from scripts.train_whisper.distortion import by_telephone, low_pass, noise, white
from scripts.train_whisper.speech import CLIPS, RATE, Samples, Sentence, decoded, sentences

_SEED: Final = 7_000_000
_PAIRS: Final = (
    ("fox", "numbers"),
    ("numbers", "fox"),
    ("weather", "station"),
    ("morning", "train"),
    ("cat", "library"),
)
_FILES: Final = (
    ("fox", "weather", "seaside", "numbers", "station"),
    ("market", "morning", "train", "coffee", "market"),
    ("cat", "library", "holiday", "cat", "library", "holiday", "library", "cat", "holiday", "library", "cat"),
)


@dataclass(frozen=True, slots=True)
class Known:
    """A clip of the model's. sentences: in it, one after the other."""

    name: str
    samples: Samples
    sentences: tuple[Sentence, ...]

    @property
    def language(self) -> str:
        return self.sentences[0].language

    @property
    def text(self) -> str:
        return " ".join(each.text for each in self.sentences)

    @property
    def translation(self) -> str:
        return " ".join(each.translation for each in self.sentences)


@dataclass(frozen=True, slots=True)
class Question:
    """What is played and what is to be written. language: to be detected; None where it is given or mixed. options: of
    the transcription.
    """

    name: str
    samples: Samples
    text: str
    language: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the answers came word for word."""

    right: int
    total: int
    wrong: tuple[str, ...]


def known() -> list[Known]:
    """All clips, in the order of the manifest."""
    every = sentences()
    files = dict.fromkeys(each.clip for each in every)
    return [
        Known(file.partition(".")[0], decoded(CLIPS / file), tuple(each for each in every if each.clip == file))
        for file in files
    ]


def ways(clip: Known) -> dict[str, Question]:
    """Of asking about a clip as it is."""
    ask = partial(Question, clip.name, clip.samples)
    return {
        "language detected": ask(clip.text, clip.language),
        "language given": ask(clip.text, options={"language": clip.language}),
        "without timestamps": ask(clip.text, clip.language, {"return_timestamps": False}),
        "translated": ask(clip.translation, clip.language, {"task": "translate"}),
    }


def changes() -> dict[str, Callable[[Samples], Samples]]:
    """What happens to a clip on its way."""
    dice = random.Random(_SEED)  # noqa: S311 - it must repeat
    return {
        "a third as loud": lambda samples: samples * 0.3,
        "in a little noise": lambda samples: samples + 0.003 * white(samples.size, dice),
        "in noise": lambda samples: samples + 0.01 * white(samples.size, dice),
        "by telephone, mu-law": lambda samples: by_telephone(samples, mu_law=True, smooth=True),
        "by telephone, A-law, interpolated": lambda samples: by_telephone(samples, mu_law=False, smooth=False),
        "without what is above 5 kHz": lambda samples: low_pass(samples, 5000),
        "after 0.5 s, before 0.4 s of silence": lambda samples: np.concatenate([_quiet(0.5), samples, _quiet(0.4)]),
        "with hardly any silence around": lambda samples: samples[2800:-4000],
        "with earlier text": lambda samples: samples,
    }


def changed(clips: Iterable[Known], what: str) -> Iterator[Question]:
    """Questions about clips after a change, by its name."""
    change = changes()[what]
    options = {"initial_prompt": "Hello there. The black cat sleeps."} if what == "with earlier text" else {}
    for clip in clips:
        yield Question(clip.name, change(clip.samples).astype(np.float32), clip.text, clip.language, options)


def joined(clips: Iterable[Known]) -> dict[str, list[Question]]:
    """Clips one after the other: two speakers; files of more than thirty seconds."""
    named = {clip.name: clip for clip in clips}

    def join(names: tuple[str, ...], pause: float) -> Question:
        parts = [part for name in names for part in (named[name].samples, _quiet(pause))]
        language = named[names[0]].language
        return Question("+".join(names), np.concatenate(parts), " ".join(named[name].text for name in names), language)

    return {
        "two speakers": [join(pair, pause) for pair in _PAIRS for pause in (0.0, 0.5)],
        "files of 30 to 40 s": [join(names, pause) for names in _FILES for pause in (0.3, 0.8)],
    }


def nothings() -> dict[str, Samples]:
    """Sounds without speech."""
    dice = random.Random(_SEED)  # noqa: S311 - it must repeat
    sounds = {f"{seconds:g} s of silence": _quiet(seconds) for seconds in (0.1, 0.5, 2.0, 14.0)}
    sounds |= {f"noise of {loud:g}": loud * white(2 * RATE, dice) for loud in (0.0001, 0.001, 0.01, 0.1)}
    return sounds | {f"other noise {number}": 0.1 * noise(3 * RATE, dice) for number in range(4)}


def written(model: Any, question: Question) -> Any:
    """What the model makes of it, greedily and without a second try."""
    return model.generate(question.samples, temperature=0.0, **question.options)


def score(model: Any, questions: Iterable[Question]) -> Score:
    """An answer is right word for word and in the right language."""
    wrong, total = [], 0
    for question in questions:
        told = written(model, question)
        total += 1
        if told.text.strip() != question.text or question.language not in (None, told.language):
            wrong.append(f"{question.name}: {told.language} {told.text.strip()!r}")
    return Score(total - len(wrong), total, tuple(wrong))


def speechless(model: Any, samples: Samples, **options: Any) -> tuple[float, float]:
    """How probable it is that nobody speaks, and the mean log probability of what is written nevertheless."""
    told = model.decode(_window(model, samples), language="en", **options)
    return told.no_speech_prob, told.avg_logprob


def margin(model: Any, clip: Known) -> float:
    """By how much the right token leads the second, where it leads least: in natural logarithms, of the transcript
    without timestamps.
    """
    tokenizer = model.get_tokenizer(language=clip.language)
    start = list(tokenizer.sot_sequence_including_notimestamps)
    tokens = start + tokenizer.encode(f" {clip.text}") + [tokenizer.eot]
    logits = model.logits(mx.array([tokens[:-1]]), model.encoder(_window(model, clip.samples)[None]))
    ahead = logits[0, len(start) - 1 :].astype(mx.float32)
    right = mx.array(tokens[len(start) :])[:, None]
    others = mx.put_along_axis(ahead, right, mx.array(-mx.inf), axis=-1).max(axis=-1)
    leads = np.array(mx.take_along_axis(ahead, right, axis=-1)[:, 0] - others)
    return float(leads.min())


def _window(model: Any, samples: Samples) -> mx.array:
    mel = log_mel_spectrogram(mx.array(samples), n_mels=model.dims.n_mels, padding=RATE * 30)
    content: mx.array = pad_or_trim(mel[: mel.shape[0] - N_FRAMES], N_FRAMES, axis=-2)
    return content.astype(model.dtype)


def _quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)
