"""One speech that is being made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import numpy as np

from adapters.inference.sound.resampling import Samples
from adapters.inference.speaking.codec import PreparedSpeech
from adapters.inference.speaking.confining import confined
from adapters.inference.speaking.encoding import Encoder, encoder_for
from adapters.inference.speaking.randomness import Randomness
from adapters.inference.speaking.speaker import Speaker
from domain.errors import GenerationFailed
from domain.inference.speech import SpeechEvent, SpeechPiece, SpeechRequest, Spoken

SEND_BYTES = 1 << 18  # of a whole file that goes at once


class SpeechJob:
    """begun: something has been said. within: in the middle of a piece, which nobody else's may interrupt, for families
    keep what they are at in the model itself.
    """

    def __init__(self, speaker: Speaker, request: SpeechRequest, prepared: PreparedSpeech) -> None:
        self._speaker = speaker
        self._request = request
        self._options = prepared.options
        self._pieces = list(reversed(prepared.pieces))
        self._randomness = Randomness(request.seed)
        self._results: Iterator[Any] | None = None
        self._encoder: Encoder | None = None
        self._rate = 0
        self._completion_tokens = 0
        self._prompt_tokens = sum(speaker.tokens(piece) for piece in prepared.pieces)
        self.begun = False

    @property
    def within(self) -> bool:
        return self._results is not None

    @property
    def longest(self) -> int:
        """Characters of the longest piece that is left, one in work not counted."""
        return max(map(len, self._pieces), default=0)

    @property
    def next_characters(self) -> int:
        return len(self._pieces[-1]) if self._pieces else 0

    def advance(self) -> list[SpeechEvent]:
        """Until the model has said something more or has come to the end of a piece; Spoken is last. Raises
        GenerationFailed, Confined and whatever the libraries raise.
        """
        with confined(), self._randomness.in_place():
            if self._results is None:
                self._results = self._speaker.say(self._pieces.pop(), self._options)
            self.begun = True
            made = next(self._results, None)
            samples = None if made is None else _samples(made.audio)
        if made is None or samples is None:
            self._results = None
            return [] if self._pieces else self._end()
        self._completion_tokens += int(getattr(made, "token_count", 0) or 0)
        return _events(self._encoding(int(made.sample_rate)).push(samples))

    def close(self) -> None:
        """Whatever was in work is over."""
        results, self._results = self._results, None
        self._pieces.clear()
        close = getattr(results, "close", None)
        if callable(close):
            close()

    def _encoding(self, rate: int) -> Encoder:
        if self._encoder is None:
            self._rate = rate
            self._encoder = encoder_for(self._request.format, rate, streamed=self._request.streamed)
        if rate != self._rate:
            raise GenerationFailed(f"the model began at {self._rate} Hz and went on at {rate} Hz")
        return self._encoder

    def _end(self) -> list[SpeechEvent]:
        if self._encoder is None:
            raise GenerationFailed("the model said nothing", hint="try another text, voice or seed")
        events = _events(self._encoder.rest())
        spoken = Spoken(
            self._encoder.seconds,
            self._encoder.rate,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
        )
        return [*events, spoken]


def _events(data: bytes) -> list[SpeechEvent]:
    return [SpeechPiece(data[at : at + SEND_BYTES]) for at in range(0, len(data), SEND_BYTES)]


def _samples(audio: Any) -> Samples:
    """One channel, the mean of all. Raises GenerationFailed for what is no number."""
    held = np.asarray(audio.astype(mx.float32) if isinstance(audio, mx.array) else audio, np.float32)
    held = held.squeeze()
    if held.ndim > 1:
        held = held.mean(axis=int(np.argmin(held.shape)))
    if not np.isfinite(held).all():
        raise GenerationFailed("the model made samples that are no numbers", hint="try another seed or text")
    return held.reshape(-1)
