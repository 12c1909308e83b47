"""One window of a sound, being read by Whisper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import mlx.core as mx
import numpy as np

from adapters.inference.hearing.choosing import Choosing, Wish
from adapters.inference.hearing.whisper_network import Memory, WhisperNetwork
from adapters.inference.hearing.whisper_tokens import WhisperTokens
from domain.errors import GenerationFailed
from domain.inference.whisper_rules import Reading, allowed_next, compression_ratio

ENGLISH = "en"  # what a model hears that has no tokens of languages
KEY_STEP = 100_003


@dataclass(slots=True, eq=False)
class Attempt:
    """A window read at one temperature. opening: what was said to the model, `start_at` where the start token stands.
    key: of its draws.
    """

    memory: Memory
    opening: tuple[int, ...]
    start_at: int
    times: bool
    temperature: float
    key: int
    sampled: list[int] = field(default_factory=list)
    logprob: float = 0.0
    no_speech: float = 0.0
    ended: bool = False

    def wish(self, first_stamp: int) -> Wish:
        allowed = allowed_next(self.sampled, first_stamp, times=self.times)
        return Wish(allowed, self.temperature, self.key * KEY_STEP + len(self.sampled), not self.sampled)

    def reading(self, tokens: WhisperTokens) -> Reading:
        ratio = compression_ratio(tokens.text(self.sampled).strip())
        average = self.logprob / (len(self.sampled) + 1)
        return Reading(tuple(self.sampled), self.temperature, average, self.no_speech, ratio)


class Reader:
    """Gives attempts their next tokens. most: of one window, as many as half of what the decoder can hold."""

    def __init__(self, network: WhisperNetwork, tokens: WhisperTokens) -> None:
        self.network = network
        self.tokens = tokens
        self._choosing = Choosing(tokens, network.vocabulary)
        self.most = network.context // 2

    def opening(self, before: Sequence[int], language: str | None, *, translates: bool, times: bool) -> tuple[int, ...]:
        """before: tokens of what was said before; the last of them that half of the decoder's context holds."""
        said = self.tokens.opening(language, translates=translates, times=times)
        kept = before[-(self.most - 1) :] if before else ()
        return (self.tokens.previous, *kept, *said) if kept else said

    def begin(self, attempt: Attempt) -> None:
        """Its first token, behind its opening."""
        logits = self.network.logits([attempt.opening], [attempt.memory])[0]
        if self.tokens.no_speech is not None:
            chances = mx.softmax(logits[attempt.start_at])
            attempt.no_speech = float(np.array(chances[self.tokens.no_speech]))
        self._take([attempt], logits[-1:])

    def go_on(self, attempts: Sequence[Attempt]) -> None:
        """The next token of each, behind its last one."""
        last = [[attempt.sampled[-1]] for attempt in attempts]
        self._take(attempts, self.network.logits(last, [attempt.memory for attempt in attempts])[:, 0])

    def language(self, memory: Memory) -> str:
        """The likeliest of a window."""
        known = self.tokens.languages
        if not known:
            return ENGLISH
        logits = self.network.logits([[self.tokens.start]], [memory.fresh()])[0, 0]
        scores = logits[mx.array(list(known.values()))]
        return list(known)[int(np.argmax(np.array(scores)))]

    def _take(self, attempts: Sequence[Attempt], logits: mx.array) -> None:
        wishes = [attempt.wish(self.tokens.first_stamp) for attempt in attempts]
        found, scores = self._choosing.choose(logits, wishes)
        for attempt, token, score in zip(attempts, found, scores, strict=True):
            if not math.isfinite(score):
                raise GenerationFailed("the model made something that is no number", hint="its weights may be broken")
            attempt.logprob += score
            if token == self.tokens.end:
                attempt.ended = True
                continue
            attempt.sampled.append(token)
            full = attempt.memory.tokens + 1 >= self.network.context
            attempt.ended = full or len(attempt.sampled) >= self.most
