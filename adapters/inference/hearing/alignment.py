"""When each word of a window is said, by what Whisper's decoder listens to while it writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
from mlx_audio.stt.models.whisper.timing import find_alignment, merge_punctuations

from adapters.inference.hearing.whisper_network import WhisperNetwork
from adapters.inference.hearing.whisper_tokens import WhisperTokens
from domain.inference.hearing_words import TimedToken

LEAST_FRAMES = 20  # less has nothing to align
LEANS_ON_NEXT = "\"'\u201c\u00bf([{-"
LEANS_ON_LAST = "\"'.\u3002,\uff0c!\uff01?\uff1f:\uff1a\u201d)]}\u3001"


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """A window: its features, its length in frames, its language."""

    features: mx.array
    frames: int
    language: str | None


class _Heard:
    """A model whose encoder has already heard the window."""

    def __init__(self, model: Any, features: mx.array) -> None:
        self._model = model
        self._features = features
        self.alignment_heads = model.alignment_heads

    def forward_with_cross_qk(self, _mel: mx.array, tokens: mx.array) -> tuple[mx.array, Any]:
        logits, _, weights = self._model.decoder(tokens, self._features)
        return logits, weights


def aligned(network: WhisperNetwork, tokens: WhisperTokens, window: Aligned, said: Sequence[int]) -> list[TimedToken]:
    """said: tokens of words, fewer than the decoder's context. Times count from the window's beginning. Marks belong to
    the word beside them.
    """
    if window.frames < LEAST_FRAMES:
        return []
    heard = _Heard(network.model, window.features)
    spelled = tokens.spelled(window.language)
    found = find_alignment(heard, spelled, list(said), window.features, window.frames)
    merge_punctuations(found, LEANS_ON_NEXT, LEANS_ON_LAST)
    return [
        TimedToken(each.word, len(each.tokens), float(each.start), float(each.end), min(1.0, float(each.probability)))
        for each in found
        if each.word
    ]
