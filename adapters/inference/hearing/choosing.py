"""Logits to the next token of each row, by Whisper's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from adapters.inference.hearing.whisper_tokens import WhisperTokens
from domain.inference.whisper_rules import LAST_STAMP, Allowed


@dataclass(frozen=True, slots=True)
class Wish:
    """What a row wants of its next token. key: of the draw, where temperature is above 0. first: of its window."""

    allowed: Allowed
    temperature: float
    key: int
    first: bool


class Choosing:
    """Works on words, the end and timestamps only: no other special token is ever chosen."""

    def __init__(self, tokens: WhisperTokens, vocabulary: int) -> None:
        self._end, self._first_stamp = tokens.end, tokens.first_stamp
        stamps = min(LAST_STAMP + 1, vocabulary - tokens.first_stamp)
        self._stamps = mx.arange(stamps)[None]
        self._suppressed = _mask(tokens.end, tokens.suppressed)
        self._blank = _mask(tokens.end, (*tokens.suppressed, *tokens.blank))

    def choose(self, logits: mx.array, wishes: Sequence[Wish]) -> tuple[list[int], list[float]]:
        """logits: [rows, vocabulary], 32 bits. Tokens, and the logarithm of each one's probability among those allowed;
        not finite where the network made something that is no number.
        """
        choices = self._allowed(logits, wishes)
        places = mx.argmax(choices, axis=-1)
        if any(wish.temperature for wish in wishes):
            drawn = [
                mx.random.categorical(choices[row] / wish.temperature, key=mx.random.key(wish.key))
                if wish.temperature
                else places[row]
                for row, wish in enumerate(wishes)
            ]
            places = mx.stack(drawn)
        logprobs = mx.take_along_axis(choices, places[:, None], axis=-1)[:, 0] - mx.logsumexp(choices, axis=-1)
        mx.eval(places, logprobs)
        return [self._token(int(place)) for place in np.array(places)], [float(each) for each in np.array(logprobs)]

    def _allowed(self, logits: mx.array, wishes: Sequence[Wish]) -> mx.array:
        """[rows, words + the end + timestamps]: what is forbidden is -inf. Timestamps that are together likelier than
        any word leave no room for words.
        """
        end, first = self._end, self._first_stamp
        told = mx.array([[wish.allowed.text, wish.allowed.end, wish.first] for wish in wishes])
        words = logits[:, :end] + mx.where(told[:, 2:], self._blank, self._suppressed)
        words = mx.where(told[:, :1], words, -mx.inf)
        stop = mx.where(told[:, 1:2], logits[:, end : end + 1], -mx.inf)
        plain = mx.concatenate([words, stop], axis=-1)
        if all(wish.allowed.lowest > wish.allowed.highest for wish in wishes):
            return plain
        bounds = mx.array([[wish.allowed.lowest, wish.allowed.highest] for wish in wishes])
        here = (self._stamps >= bounds[:, :1]) & (self._stamps <= bounds[:, 1:])
        stamps = mx.where(here, logits[:, first : first + self._stamps.shape[1]], -mx.inf)
        forced = mx.logsumexp(stamps, axis=-1, keepdims=True) > plain.max(axis=-1, keepdims=True)
        return mx.concatenate([mx.where(forced, -mx.inf, plain), stamps], axis=-1)

    def _token(self, place: int) -> int:
        return place if place <= self._end else self._first_stamp + place - self._end - 1


def _mask(length: int, forbidden: Sequence[int]) -> mx.array:
    mask = np.zeros((1, length), np.float32)
    mask[0, list(forbidden)] = -np.inf
    return mx.array(mask)
