"""Windows of up to thirty seconds, put together from sentences, with what is heard in them and when."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scripts.train_whisper.distortion import distorted, noise, white
from scripts.train_whisper.features import BANDS, FRAMES_A_SECOND, WINDOW_FRAMES, Mel, log_mel
from scripts.train_whisper.speech import RATE, Samples, Sentence

WINDOW_SECONDS: Final = 30.0
_BARELY_SECONDS: Final = 0.12

HalfMel = np.ndarray[Any, np.dtype[np.float16]]


@dataclass(frozen=True, slots=True)
class Heard:
    """A sentence in a window, in seconds from its start. `end` beyond the window: it is cut off."""

    start: float
    end: float
    sentence: Sentence


@dataclass(frozen=True, slots=True)
class Window:
    """mel: [frames, bands] of its content. quiet: what silence is after it. heard: () for nothing but noise."""

    mel: HalfMel
    quiet: float
    heard: tuple[Heard, ...]

    @property
    def seconds(self) -> float:
        return len(self.mel) / FRAMES_A_SECOND

    def filled(self, frames: int, cut: bool, louder: float) -> tuple[Mel, float]:
        """[frames, bands], and the value of what follows. cut: zeros follow, as where a window is transcribed; else
        silence, as where the language is detected. louder: added to the content.
        """
        after = 0.0 if cut else self.quiet + louder
        whole = np.full((frames, BANDS), after, np.float32)
        content = self.mel[:frames]
        whole[: len(content)] = np.maximum(content.astype(np.float32) + louder, -1.5)
        return whole, after


class Studio:
    """Makes windows of sentences, differently each time."""

    def __init__(self, sentences: Sequence[Sentence], rng: random.Random) -> None:
        self._sentences = sentences
        self._rng = rng

    def one(self, sentence: Sentence) -> Window:
        """It alone, sometimes cut off before its end."""
        window = self._joined([sentence], self._rng.uniform(0, 0.9), self._rng.uniform(0.05, 0.9))
        if self._rng.random() < 0.1:
            heard = window.heard[0]
            seconds = heard.start + (heard.end - heard.start) * self._rng.uniform(0.35, 0.85)
            return Window(window.mel[: round(seconds * FRAMES_A_SECOND)], window.quiet, window.heard)
        return window

    def several(self, most: int) -> Window:
        """Two to `most` sentences, one soon after the other."""
        count = self._rng.randint(2, most)
        return self._joined(self._row(count), self._rng.uniform(0, 0.9), self._rng.uniform(0.05, 0.9))

    def whole(self) -> Window:
        """As many as fill a window, the last of them most often cut off; or nearly as many."""
        lead = self._rng.choice((0.0, self._rng.uniform(0, 1.2)))
        window = self._joined(self._row(12), lead, 0.3)
        if self._rng.random() < 0.3:
            heard = window.heard[: self._rng.randint(4, 6)]
            frames = round((heard[-1].end + self._rng.uniform(0.1, 0.8)) * FRAMES_A_SECOND)
            return Window(window.mel[:frames], window.quiet, heard)
        heard = tuple(each for each in window.heard if each.start + _BARELY_SECONDS < WINDOW_SECONDS)
        return Window(window.mel[:WINDOW_FRAMES], window.quiet, heard)

    def nothing(self, most_seconds: float) -> Window:
        """Silence or noise."""
        size = round(self._rng.uniform(0.1, most_seconds) * RATE)
        kind = self._rng.random()
        if kind < 0.25:
            samples = np.zeros(size, np.float32)
        else:
            loud = 10 ** self._rng.uniform(-4.5, -0.7)
            samples = np.clip(noise(size, self._rng) * loud, -1, 1).astype(np.float32)
            if kind < 0.4:
                samples[size // 2 :] = 0
        mel, quiet = log_mel(samples)
        if kind < 0.15:  # the silence within a file that is louder elsewhere
            quiet = self._rng.uniform(-1.5, -0.3)
            mel = np.full_like(mel, quiet)
        return Window(mel.astype(np.float16), quiet, ())

    def _row(self, count: int) -> list[Sentence]:
        """Sentences in one language, or in any; or those of a clip in their order and then others."""
        kind = self._rng.random()
        start = self._rng.choice(self._sentences)
        among = [each for each in self._sentences if kind < 0.75 and each.language == start.language]
        row = [start]
        if self._rng.random() < 0.5:
            at = self._sentences.index(start)
            row = [each for each in self._sentences[at : at + 4] if each.clip == start.clip]
        row += [self._rng.choice(among or self._sentences) for _ in range(count)]
        return row[:count]

    def _joined(self, row: Sequence[Sentence], lead: float, tail: float) -> Window:
        parts = [np.zeros(round(lead * RATE), np.float32)]
        heard: list[Heard] = []
        at = parts[0].size
        same_way = self._rng.random()
        way = random.Random(self._rng.getrandbits(32))  # noqa: S311 - it must repeat
        for sentence in row:
            if heard:
                gap = self._rng.choice((0.7, self._rng.uniform(0.1, 1.6)))
                parts.append(np.zeros(round(gap * RATE), np.float32))
                at += parts[-1].size
            spoken = distorted(sentence.samples, way if same_way < 0.2 else self._rng) * self._rng.uniform(0.6, 1.0)
            heard.append(Heard(at / RATE, (at + spoken.size) / RATE, sentence))
            parts.append(spoken)
            at += spoken.size
        parts.append(np.zeros(round(tail * RATE), np.float32))
        return self._heard_through_noise(np.concatenate(parts), tuple(heard))

    def _heard_through_noise(self, samples: Samples, heard: tuple[Heard, ...]) -> Window:
        if self._rng.random() < 0.45:
            samples = samples + white(samples.size, self._rng) * 10 ** self._rng.uniform(-4.5, -1.9)
        samples = (samples * self._rng.uniform(0.25, 1.2)).astype(np.float32)
        mel, quiet = log_mel(np.clip(samples, -1, 1))
        return Window(mel.astype(np.float16), quiet, heard)
