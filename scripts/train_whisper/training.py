"""Training a Whisper from random weights on windows put together from the clips."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx import nn

from scripts.train_whisper.features import WINDOW_FRAMES
from scripts.train_whisper.pupil import Numbers, Pupil, Sound
from scripts.train_whisper.recipe import ALIGNED, AUDIO_CONTEXT, TEXT_CONTEXT, Kind, Recipe
from scripts.train_whisper.speech import Sentence
from scripts.train_whisper.tokenizer import TIMES, SpeechTokenizer
from scripts.train_whisper.transcripts import Clerk, Step
from scripts.train_whisper.windows import Studio, Window

Progress = Callable[[int, float], None]
_REPORTED_EVERY: Final = 50
_LOOK_WEIGHT: Final = 0.1
_ABOUT_FRAMES, _SHARP_FRAMES = 6.0, 1.5  # how far from where a token is heard one may look, as a standard deviation
_FRAMES_A_SECOND: Final = 50  # of the encoder
_FAR_FRAMES: Final = 40
_SPARE_TIMES: Final = 50
_MOST_JOINED: Final = 4
_NOTHING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Batch:
    """tokens, at, targets, weights, looks, widths: [windows, length]; looks: the frame where a target is heard, below 0
    for none; widths: how far from it one may look.
    """

    sound: Sound
    tokens: mx.array
    at: mx.array
    targets: mx.array
    weights: mx.array
    looks: mx.array
    widths: mx.array


@dataclass(frozen=True, slots=True)
class Pool:
    """Windows to choose from, made once: single ones by their sentence."""

    single: dict[Sentence, list[Window]]
    several: list[Window]
    whole: list[Window]
    nothing: list[Window]

    @classmethod
    def of(cls, sentences: Sequence[Sentence], each: int, rng: random.Random) -> Pool:
        studio = Studio(sentences, rng)
        count = each * len(sentences)
        return cls(
            {sentence: [studio.one(sentence) for _ in range(each)] for sentence in sentences},
            [studio.several(_MOST_JOINED) for _ in range(count)],
            [studio.whole() for _ in range(count // 2)],
            [studio.nothing(_NOTHING_SECONDS) for _ in range(count // 4)],
        )


class Lessons:
    """Batches out of a pool of windows."""

    def __init__(
        self, sentences: Sequence[Sentence], pool: Pool, clerk: Clerk, numbers: Numbers, rng: random.Random
    ) -> None:
        self._sentences = sentences
        self._pool = pool
        self._clerk = clerk
        self._numbers = numbers
        self._rng = rng

    def batch(self, kind: Kind) -> Batch:
        windows = [self._rng.choice(self._pool.single[each]) for each in self._picked(kind.single)]
        windows += [self._rng.choice(self._pool.several) for _ in range(kind.several)]
        windows += [self._rng.choice(self._pool.whole) for _ in range(kind.whole)]
        windows += [self._rng.choice(self._pool.nothing) for _ in range(kind.nothing)]
        return self._written(self._sound(windows), [self._clerk.write(window, kind.earlier) for window in windows])

    def _picked(self, count: int) -> list[Sentence]:
        """Each sentence about as often as any other."""
        return self._rng.sample(list(self._sentences), len(self._sentences))[:count]

    def _sound(self, windows: list[Window]) -> Sound:
        """As much of each as the longest takes, and some frames of what follows."""
        frames = min(WINDOW_FRAMES, (max(len(window.mel) for window in windows) + 9) // 10 * 10)
        filled = [window.filled(frames, self._rng.random() < 0.7, self._rng.uniform(-0.25, 0.1)) for window in windows]
        left = range(frames // 2, AUDIO_CONTEXT)
        far = sorted(self._rng.sample(left, min(_FAR_FRAMES, len(left))))
        return Sound(
            mx.array(np.stack([mel for mel, _ in filled])),
            mx.array([after for _, after in filled]),
            mx.array(far, mx.int32),
            math.log(len(left) / len(far)) if far else 0.0,
            min(TIMES, frames // 2 + _SPARE_TIMES),
        )

    def _written(self, sound: Sound, rows: list[list[Step]]) -> Batch:
        length = max(map(len, rows)) - 1
        shape = (len(rows), length)
        tokens, targets, at = (np.zeros(shape, np.int32) for _ in range(3))
        weights, looks, widths = (np.full(shape, value, np.float32) for value in (0.0, -1.0, _ABOUT_FRAMES))
        last = self._numbers.nobody + sound.times  # earlier text may tell of later times
        for row, steps in enumerate(rows):
            read = [min(last, self._numbers.small(step.token if step.read is None else step.read)) for step in steps]
            size = len(steps) - 1
            tokens[row, :size] = read[:-1]
            targets[row, :size] = [self._numbers.small(step.token) for step in steps[1:]]
            weights[row, :size] = [step.weight for step in steps[1:]]
            looks[row, :size] = [-1 if step.seconds is None else step.seconds * _FRAMES_A_SECOND for step in steps[1:]]
            widths[row, :size] = [_SHARP_FRAMES if step.sharply else _ABOUT_FRAMES for step in steps[1:]]
            later = self._rng.randrange(TEXT_CONTEXT - length) if self._rng.random() < 0.15 else 0
            at[row] = later + np.arange(length)
        return Batch(sound, *map(mx.array, (tokens, at, targets, weights, looks, widths)))


def train(
    recipe: Recipe, sentences: Sequence[Sentence], tokenizer: SpeechTokenizer, seed: int, report: Progress
) -> Pupil:
    """A trained float32 pupil. `report` is called with (steps so far, mean loss) now and then."""
    mx.random.seed(seed)
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it, and it must repeat
    numbers = Numbers(tokenizer)
    pool = Pool.of(sentences, recipe.pool, rng)
    lessons = Lessons(sentences, pool, Clerk(tokenizer, sentences, rng), numbers, rng)
    pupil = Pupil(recipe, numbers)
    mx.eval(pupil.parameters())
    steps = sum(sitting.steps for sitting in recipe.sittings)
    optimizer = optim.AdamW(learning_rate=0.0, betas=[0.9, 0.98], weight_decay=0.01)
    learn = nn.value_and_grad(pupil, _loss)
    done, losses = 0, list[float]()
    for sitting in recipe.sittings:
        shares = [kind.share for kind in sitting.kinds]
        for _ in range(sitting.steps):
            optimizer.learning_rate = mx.array(_rate(done, steps, recipe.peak))
            loss, gradients = learn(pupil, lessons.batch(rng.choices(sitting.kinds, shares)[0]))
            gradients, _ = optim.clip_grad_norm(gradients, 1.0)
            optimizer.update(pupil, gradients)
            mx.eval(pupil.parameters(), optimizer.state, loss)
            losses.append(loss.item())
            done += 1
            if done % _REPORTED_EVERY == 0 or done == steps:
                report(done, sum(losses) / len(losses))
                losses = []
    return pupil


def _rate(step: int, steps: int, peak: float) -> float:
    """A short rise, then half a cosine down to a hundredth of the peak."""
    rise = max(1, steps // 40)
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))))


def _loss(pupil: Pupil, batch: Batch) -> mx.array:
    """What is written, and where it is looked for while it is written."""
    logits, looks = pupil(batch.sound, batch.tokens, batch.at)
    written = nn.losses.cross_entropy(logits, batch.targets)
    far = (batch.sound.frames - batch.looks[..., None]) / batch.widths[..., None]
    right = mx.softmax(-0.5 * far * far, axis=-1)
    aligned = mx.stack([looks[layer][:, head] for layer, head in ALIGNED])
    looked = -(right * (aligned - mx.logsumexp(aligned, axis=-1, keepdims=True))).sum(axis=-1).mean(axis=0)
    taught = (batch.looks >= 0) * (batch.weights > 0)
    mean: mx.array = (written * batch.weights).sum() / batch.weights.sum()
    return mean + _LOOK_WEIGHT * (looked * taught).sum() / mx.maximum(taught.sum(), 1)
