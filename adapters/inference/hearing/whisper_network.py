"""Whisper's network: sound to features, features and tokens to the next token's logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_audio.dsp import hanning, mel_filters, stft
from mlx_audio.stt.models.whisper.whisper import Model

from adapters.inference.sound.decoding import Samples
from domain.inference.whisper_rules import FRAMES_PER_SECOND, WINDOW_FRAMES

RATE = 16_000
HOP = RATE // FRAMES_PER_SECOND
SPECTRUM = 400  # samples of a spectrum
MARGIN_FRAMES = 3  # heard beside a window, so that its first and last frames are as in the middle of the sound
FAINTEST, RANGE = 1e-10, 8.0  # powers of ten between the loudest and what is told from silence


class Memory:
    """What a row has read: self-attention's keys and values by layer [1, heads, tokens, width], and the window's."""

    def __init__(self, heard: Sequence[tuple[mx.array, mx.array]]) -> None:
        self.heard = heard
        self.read: list[tuple[mx.array, mx.array] | None] = [None] * len(heard)

    @property
    def tokens(self) -> int:
        first = self.read[0]
        return 0 if first is None else int(first[0].shape[2])

    def fresh(self) -> Memory:
        """Of the same window, nothing read yet."""
        return Memory(self.heard)


class WhisperNetwork:
    """Over the layers of mlx-audio's. Rows of tokens share the passes through weights; each attends to its own."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.context = int(model.dims.n_text_ctx)
        self.vocabulary = int(model.dims.n_vocab)
        self._window = hanning(SPECTRUM, periodic=True)
        self._filters = mel_filters(RATE, SPECTRUM, model.dims.n_mels, norm="slaney", mel_scale=None).T

    def rows_within(self, room_bytes: int) -> int:
        """How many windows may be held at once, one at least: what a decoder keeps of each."""
        dims = self.model.dims
        tokens = dims.n_audio_ctx + dims.n_text_ctx
        row_bytes = 2 * dims.n_text_layer * tokens * dims.n_text_state * self.model.dtype.size
        return max(1, int(room_bytes // row_bytes))

    def mel(self, samples: Samples, seek: int, frames: int, loudest: float) -> tuple[mx.array, float]:
        """Log-mel frames [3000, bins] of a window that begins at frame `seek` and has so many; nothing behind them.
        loudest: of the sound so far, as this function told it; -inf at first.
        """
        before = min(seek, MARGIN_FRAMES)
        begin, end = (seek - before) * HOP, (seek + frames + MARGIN_FRAMES) * HOP
        piece = samples[begin:end]
        piece = np.pad(piece, (0, end - begin - len(piece)))
        spectra = stft(mx.array(piece), window=self._window, n_fft=SPECTRUM, hop_length=HOP)
        power = mx.maximum(mx.square(mx.abs(spectra[before : before + frames])) @ self._filters, FAINTEST)
        logs = mx.log10(power)
        loudest = max(loudest, float(np.array(logs.max())))
        scaled = (mx.maximum(logs, loudest - RANGE) + 4) / 4
        return mx.pad(scaled, [(0, WINDOW_FRAMES - frames), (0, 0)]).astype(self.model.dtype), loudest

    def encode(self, mel: mx.array) -> tuple[mx.array, Memory]:
        """Features [1, 1500, width] of a window, and a memory that has heard it."""
        features = self.model.encoder(mel[None])
        heard = []
        for block in self.model.decoder.blocks:
            attention = block.cross_attn
            heard.append(
                (_split(attention.key(features), attention.n_head), _split(attention.value(features), attention.n_head))
            )
        mx.eval(features, heard)
        return features, Memory(heard)

    def logits(self, tokens: Sequence[Sequence[int]], memories: Sequence[Memory]) -> mx.array:
        """Of what follows each token [rows, tokens, vocabulary], in 32 bits. Rows have equally many tokens; more than
        one only where nothing has been read before. The memories have read them then.
        """
        decoder = self.model.decoder
        length = len(tokens[0])
        places = mx.stack([decoder.positional_embedding[each.tokens : each.tokens + length] for each in memories])
        x = decoder.token_embedding(mx.array([list(row) for row in tokens])) + places
        for at, block in enumerate(decoder.blocks):
            x = x + self._attend(block.attn, block.attn_ln(x), at, memories)
            x = x + self._listen(block.cross_attn, block.cross_attn_ln(x), at, memories)
            x = x + block.mlp2(_gelu(block.mlp1(block.mlp_ln(x))))
        logits: mx.array = decoder.token_embedding.as_linear(decoder.ln(x)).astype(mx.float32)
        return logits

    def _attend(self, layer: Any, x: mx.array, at: int, memories: Sequence[Memory]) -> mx.array:
        queries, keys, values = (_split(part(x), layer.n_head) for part in (layer.query, layer.key, layer.value))
        found = []
        for row, memory in enumerate(memories):
            mine = slice(row, row + 1)
            key, value = keys[mine], values[mine]
            if (before := memory.read[at]) is not None:
                key, value = mx.concatenate([before[0], key], axis=2), mx.concatenate([before[1], value], axis=2)
            memory.read[at] = key, value
            found.append(_attention(queries[mine], key, value, causal=x.shape[1] > 1))
        return _joined(layer.out, found)

    def _listen(self, layer: Any, x: mx.array, at: int, memories: Sequence[Memory]) -> mx.array:
        queries = _split(layer.query(x), layer.n_head)
        found = [_attention(queries[row : row + 1], *memory.heard[at]) for row, memory in enumerate(memories)]
        return _joined(layer.out, found)


def _split(x: mx.array, heads: int) -> mx.array:
    return x.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def _attention(query: mx.array, key: mx.array, value: mx.array, *, causal: bool = False) -> mx.array:
    scale = query.shape[-1] ** -0.5
    return mx.fast.scaled_dot_product_attention(query, key, value, scale=scale, mask="causal" if causal else None)


def _joined(out: Any, rows: Sequence[mx.array]) -> mx.array:
    whole = rows[0] if len(rows) == 1 else mx.concatenate(list(rows))
    joined: mx.array = out(whole.transpose(0, 2, 1, 3).flatten(-2))
    return joined


def _gelu(x: mx.array) -> mx.array:
    return x * (1 + mx.erf(x * 2**-0.5)) / 2
