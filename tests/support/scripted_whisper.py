"""A Whisper whose network says what a test wants; everything around it is real."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mlx.core as mx
import numpy as np
from mlx_audio.stt.models.whisper.whisper import Model, ModelDimensions
from transformers import WhisperTokenizer

from adapters.inference.hearing.whisper_engine import WhisperEngine
from adapters.inference.hearing.whisper_network import Memory, WhisperNetwork
from adapters.inference.hearing.whisper_tokens import WhisperTokens, whisper_tokens
from adapters.inference.hearing.window import Reader
from tests.support.trained_whisper import WHISPER

DIMENSIONS = {
    "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 4, "n_audio_head": 1, "n_audio_layer": 0,
    "n_vocab": 51865, "n_text_ctx": 448, "n_text_state": 4, "n_text_head": 1, "n_text_layer": 1,
}  # fmt: skip
SURE = 20.0  # logit of what it says; everything else has 0


class ScriptedNetwork(WhisperNetwork):
    """says: tokens of each window in turn, over and over: at each place behind the start, as often as it is asked; then
    the end. forbidden ones are left out by the rules, as for any network. breaks_on: rows that have read this token
    break the pass. unsure: all tokens are about as likely. silent: nobody speaks.
    """

    def __init__(self, tokens: WhisperTokens, *says: Sequence[int]) -> None:
        super().__init__(Model(ModelDimensions.from_dict(dict(DIMENSIONS)), dtype=mx.float32))
        self._tokens = tokens
        self._says = says
        self._windows = -1
        self.breaks_on: int | None = None
        self.broken = self.unsure = self.silent = False
        self.openings: list[tuple[int, ...]] = []
        self.batches: list[int] = []

    def encode(self, mel: mx.array) -> tuple[mx.array, Memory]:
        self._windows += 1
        memory = Memory([(mx.array([self._windows % len(self._says)]), mx.array([0]))])
        return mx.zeros((1, 1500, 4)), memory

    def logits(self, tokens: Sequence[Sequence[int]], memories: Sequence[Memory]) -> mx.array:
        if self.breaks_on is not None and any(self.breaks_on in row for row in tokens):
            raise RuntimeError("a row that breaks the pass")
        self.batches.append(len(tokens))
        found = np.zeros((len(tokens), len(tokens[0]), self.vocabulary), np.float32)
        for row, (read, memory) in enumerate(zip(tokens, memories, strict=True)):
            if len(read) > 1:
                self.openings.append(tuple(read))
                memory.spoken_from = len(read)  # type: ignore[attr-defined]
            before = 0 if memory.read[0] is None else memory.tokens
            length = before + len(read)
            memory.read[0] = mx.zeros((1, 1, length, 1)), mx.zeros((1, 1, length, 1))
            said = self._says[int(np.array(memory.heard[0][0])[0])]
            at = length - getattr(memory, "spoken_from", length)
            wanted = said[at] if at < len(said) else self._tokens.end
            found[row, -1, wanted] = np.nan if self.broken else 1.0 if self.unsure else SURE
            if self.silent and self._tokens.no_speech is not None:
                found[row, :, self._tokens.no_speech] = SURE
        return mx.array(found)


def trained_tokens(folder: Path = WHISPER) -> WhisperTokens:
    return whisper_tokens(WhisperTokenizer.from_pretrained(str(folder), local_files_only=True), 51865)


def scripted_engine(network: ScriptedNetwork, tokens: WhisperTokens, most_rows: int = 16) -> WhisperEngine:
    return WhisperEngine(Reader(network, tokens), most_rows)
