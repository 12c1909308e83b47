"""What is to be written of a window: tokens, what of them is learned, and when what they say is heard."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scripts.train_whisper.speech import Sentence
from scripts.train_whisper.tokenizer import (
    END,
    NO_SPEECH,
    NO_TIMESTAMPS,
    PREVIOUS,
    START,
    TRANSCRIBE,
    TRANSLATE,
    SpeechTokenizer,
)
from scripts.train_whisper.windows import WINDOW_SECONDS, Heard, Window

NOBODY: Final = -1  # any of the pieces that no text is made of
LATEST_START: Final = 1.0  # a first timestamp later than this is never taken
_TIME_WEIGHT: Final = 0.5
_FIRST_PIECE_WEIGHT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """A token and how much it matters that it is learned. seconds: where in the window it is heard, sharply or about
    there. read: what the model reads in its place when it goes on; None is the token.
    """

    token: int
    weight: float = 0.0
    seconds: float | None = None
    read: int | None = None
    sharply: bool = False


class Clerk:
    """Writes transcripts as Whisper's are: with or without times, translated or not, after earlier text or not."""

    def __init__(self, tokenizer: SpeechTokenizer, sentences: Sequence[Sentence], rng: random.Random) -> None:
        self._tokenizer = tokenizer
        self._sentences = sentences
        self._rng = rng
        self._languages = sorted({each.language for each in sentences})

    def write(self, window: Window, most_earlier: int) -> list[Step]:
        """A transcript of one of the kinds. most_earlier: tokens of the text before."""
        earlier = self._earlier(most_earlier) if self._rng.random() < 0.3 else []
        steps = [*earlier, Step(self._tokenizer.special(START))]
        return steps + (self._speech(window) if window.heard else self._nothing())

    def _speech(self, window: Window) -> list[Step]:
        language = window.heard[0].sentence.language
        task = self._rng.choice(("transcribe", "transcribe", "translate"))
        timed = self._rng.random() < 0.6
        said = language if self._rng.random() < 0.85 else self._rng.choice(self._languages)
        mixed = any(each.sentence.language != language for each in window.heard)
        steps = [
            Step(self._tokenizer.language(language), 0.3 if mixed else 1.0, read=self._tokenizer.language(said)),
            Step(self._tokenizer.special(TRANSLATE if task == "translate" else TRANSCRIBE)),
        ]
        if timed:
            return steps + self._timed(window, task)
        words = [step for each in window.heard for step in self._words(each, task, window.seconds)]
        return [*steps, Step(self._tokenizer.special(NO_TIMESTAMPS)), *_first_matters(words), self._end()]

    def _timed(self, window: Window, task: str) -> list[Step]:
        """Of a sentence that is cut off at the end only the beginning is told, unless there is no other."""
        steps: list[Step] = []
        for each in window.heard:
            start = each.start if steps else min(each.start, LATEST_START)
            steps.append(self._time(start, each.start))
            if each.end > window.seconds and len(steps) > 1:
                break
            steps += _first_matters(self._words(each, task, window.seconds))
            steps.append(self._time(min(each.end, window.seconds), min(each.end, window.seconds)))
        return [*steps, self._end()]

    def _words(self, heard: Heard, task: str, limit: float) -> list[Step]:
        """Those that are over before the limit; of a voice that speaks evenly."""
        words = heard.sentence.words(task)
        letters = sum(len(word) + 1 for word in words)
        at, steps = 0, list[Step]()
        for word in words:
            pieces = self._tokenizer.encode(word)
            begin, end = at / letters, (at + len(word)) / letters
            at += len(word) + 1
            spans = [heard.start + share * (heard.end - heard.start) for share in (begin, end)]
            if spans[1] > limit + 0.02:
                break
            for number, piece in enumerate(pieces):
                share = (number + 0.5) / len(pieces)
                steps.append(Step(piece, 1.0, spans[0] + share * (spans[1] - spans[0])))
        return steps

    def _nothing(self) -> list[Step]:
        """No speech; and whatever is asked for after that, any piece is as likely as any other, and the end."""
        language = self._tokenizer.language(self._rng.choice(self._languages))
        steps = [Step(self._tokenizer.special(NO_SPEECH), 2.0, read=language)]
        steps.append(Step(self._tokenizer.special(self._rng.choice((TRANSCRIBE, TRANSLATE)))))
        if self._rng.random() < 0.6:
            steps.append(Step(self._tokenizer.time(self._rng.uniform(0, LATEST_START)), _TIME_WEIGHT))
        else:
            steps.append(Step(self._tokenizer.special(NO_TIMESTAMPS)))
        end = self._tokenizer.special(END)
        count = self._rng.randint(1, 6)
        return steps + [Step(NOBODY if self._rng.random() < 0.9 else end, 0.5) for _ in range(count)]

    def _earlier(self, most: int) -> list[Step]:
        """Sentences with times or without, or any pieces, after the token that says so."""
        tokens: list[int] = []
        kind = self._rng.random()
        length = self._rng.randint(1, most)
        while len(tokens) < length:
            sentence = self._rng.choice(self._sentences)
            words = self._tokenizer.encode(sentence.translation if self._rng.random() < 0.3 else sentence.text)
            times = [self._tokenizer.time(self._rng.uniform(0, WINDOW_SECONDS)) for _ in range(2)]
            if kind < 0.15:
                words = [self._rng.randrange(self._tokenizer.pieces) for _ in words]
            tokens += [times[0], *words, times[1]] if kind > 0.6 else words
        return [Step(token) for token in [self._tokenizer.special(PREVIOUS), *tokens[-length:]]]

    def _time(self, seconds: float, heard: float) -> Step:
        return Step(self._tokenizer.time(seconds), _TIME_WEIGHT, heard, sharply=True)

    def _end(self) -> Step:
        return Step(self._tokenizer.special(END), 1.0)


def _first_matters(steps: list[Step]) -> list[Step]:
    """The first piece of a sentence is known from what is heard alone; the others nearly follow from it."""
    return [Step(one.token, _FIRST_PIECE_WEIGHT, one.seconds) for one in steps[:1]] + steps[1:]
