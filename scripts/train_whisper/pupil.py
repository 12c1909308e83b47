"""The Whisper while it is trained: its vocabulary without what nothing is written with.

Of 51,865 tokens some 2,200 are of use. The others share one row of the embedding, so one row stands for them all here.
The rows of timestamps are one map of the positions of the encoder's frames, so that what is learned of one time holds
for every time. `grown` makes an ordinary Whisper of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, cast

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten
from mlx_audio.stt.models.whisper.whisper import Model, ResidualAttentionBlock, sinusoids

from scripts.train_whisper.features import BANDS
from scripts.train_whisper.recipe import AUDIO_CONTEXT, TEXT_CONTEXT, Recipe, dimensions
from scripts.train_whisper.tokenizer import FIRST_SPECIAL, TIMES, SpeechTokenizer
from scripts.train_whisper.transcripts import NOBODY

_ERROR_SERIES: Final = (0.0705230784, 0.0422820123, 0.0092705272, 0.0001520143, 0.0002765672, 0.0000430638)


class Numbers:
    """The tokens' numbers in the small vocabulary: pieces, special tokens, one for all others, and times."""

    def __init__(self, tokenizer: SpeechTokenizer) -> None:
        self.pieces = tokenizer.pieces
        self.special = tokenizer.first_time - FIRST_SPECIAL
        self.nobody = self.pieces + self.special
        self.others = FIRST_SPECIAL - self.pieces

    def small(self, token: int) -> int:
        if token == NOBODY:
            return self.nobody
        if token < self.pieces:
            return token
        special = token - FIRST_SPECIAL
        return self.pieces + special + (1 if special >= self.special else 0)


@dataclass(frozen=True, slots=True)
class Sound:
    """mel: [windows, frames, bands], the beginnings of windows. rest: [windows], the value of all bands after that.
    far: frames of the encoder there, picked at random, each of which stands for exp(crowd) of them. times: how many
    timestamps can be meant.
    """

    mel: mx.array
    rest: mx.array
    far: mx.array
    crowd: float
    times: int

    @property
    def frames(self) -> mx.array:
        """The encoder's frames that are looked at."""
        return mx.concatenate([mx.arange(self.mel.shape[1] // 2), self.far])


class Pupil(nn.Module):  # type: ignore[misc]  # mlx is untyped
    """Reads mel spectrograms and tokens in the small vocabulary."""

    def __init__(self, recipe: Recipe, numbers: Numbers) -> None:
        super().__init__()
        size = recipe.size
        self.conv1 = nn.Linear(3 * BANDS, size)
        self.conv2 = nn.Linear(3 * size, size)
        self.ln_post = nn.LayerNorm(size)
        self.words = mx.random.normal((numbers.nobody, size)) * 0.05
        self.others = mx.random.normal((1, size)) * 0.05
        self.times = mx.eye(size) * 0.1
        self.time_bias = mx.random.normal((1, size)) * 0.05
        self.positions = sinusoids(TEXT_CONTEXT, size) * 0.1
        self.blocks = [ResidualAttentionBlock(size, recipe.heads, cross_attention=True) for _ in range(recipe.layers)]
        self.ln = nn.LayerNorm(size)
        self._frames = sinusoids(AUDIO_CONTEXT, size)
        self._bias = mx.zeros((numbers.nobody + 1 + TIMES,))
        self._bias[numbers.nobody] = math.log(numbers.others)

    def listen(self, mel: mx.array) -> mx.array:
        """[windows, frames, bands] as [windows, frames / 2, size]: the encoder's convolutions, as products."""
        before, after = mx.pad(mel[:, :-1], [(0, 0), (1, 0), (0, 0)]), mx.pad(mel[:, 1:], [(0, 0), (0, 1), (0, 0)])
        heard = gelu(self.conv1(mx.concatenate([before, mel, after], axis=-1)))
        even, odd = heard[:, 0::2], heard[:, 1::2]
        before = mx.pad(odd[:, :-1], [(0, 0), (1, 0), (0, 0)])
        return gelu(self.conv2(mx.concatenate([before, even, odd], axis=-1)))

    def __call__(self, sound: Sound, tokens: mx.array, at: mx.array) -> tuple[mx.array, list[mx.array]]:
        """tokens, at: [windows, length], `at` being the positions. What is next [windows, length, rows of the small
        vocabulary up to `sound.times`], and by layer how much each frame matters [windows, heads, length, frames].
        """
        near = self.listen(sound.mel)
        rest = self.listen(mx.broadcast_to(sound.rest[:, None, None], (*near.shape[:1], 8, BANDS)))[:, 2:3]
        rest = mx.broadcast_to(rest, (near.shape[0], sound.far.size, near.shape[2]))
        heard = self.ln_post(mx.concatenate([near, rest], axis=1) + self._frames[sound.frames])
        crowd = mx.concatenate([mx.zeros((near.shape[1],)), mx.full((sound.far.size,), sound.crowd)])
        words, times, others = self.words, self.time_rows(sound.times), self.others
        rows = mx.concatenate([words, others, times])
        read = rows[tokens] + self.positions[at]
        mask = nn.MultiHeadAttention.create_additive_causal_mask(tokens.shape[1])
        looks = []
        for block in self.blocks:
            read = read + _attended(block.attn, block.attn_ln(read), None, mask)[0]
            said, look = _attended(block.cross_attn, block.cross_attn_ln(read), heard, crowd)
            read = read + said
            read = read + block.mlp2(gelu(block.mlp1(block.mlp_ln(read))))
            looks.append(look)
        return self.ln(read) @ rows.T + self._bias[: rows.shape[0]], looks

    def time_rows(self, count: int) -> mx.array:
        """Of the first `count` timestamps: [count, size]."""
        frames = mx.concatenate([self._frames, self._frames[-1:]])[:count]
        return frames @ self.times + self.time_bias


def _attended(
    attention: nn.Module, read: mx.array, heard: mx.array | None, mask: mx.array
) -> tuple[mx.array, mx.array]:
    """As Whisper's attention; also how much each frame matters, before the softmax."""
    source = read if heard is None else heard
    heads = attention.n_head

    def split(values: mx.array) -> mx.array:
        return values.reshape(*values.shape[:2], heads, -1).transpose(0, 2, 1, 3)

    asked, keys, values = (
        split(part) for part in (attention.query(read), attention.key(source), attention.value(source))
    )
    looks = (asked * asked.shape[-1] ** -0.5) @ keys.transpose(0, 1, 3, 2) + mask
    said = (mx.softmax(looks, axis=-1) @ values).transpose(0, 2, 1, 3).reshape(read.shape)
    return attention.out(said), looks


def gelu(x: mx.array) -> mx.array:
    """As mlx.nn's, several times faster on a CPU."""
    return cast(mx.array, _gelu(x))


@mx.custom_function
def _gelu(x: Any) -> Any:
    return x * _below(x)


@_gelu.vjp
def _gelu_gradient(x: mx.array, cotangent: mx.array, _: mx.array) -> mx.array:
    return cotangent * (_below(x) + x * mx.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)))


def _below(x: mx.array) -> mx.array:
    """The share of the normal distribution below x, within 3e-7 (Abramowitz and Stegun, 7.1.28)."""
    far = mx.minimum(mx.abs(x) * math.sqrt(0.5), 6.0)
    series = mx.zeros_like(far)
    for factor in reversed(_ERROR_SERIES):
        series = (series + factor) * far
    series = 1 + series
    for _ in range(4):
        series = series * series
    tail = 0.5 / series
    return mx.where(x > 0, 1 - tail, tail)


def grown(pupil: Pupil, recipe: Recipe, numbers: Numbers) -> dict[str, mx.array]:
    """The weights of an ordinary Whisper, in float16."""
    spare = mx.repeat(pupil.others, FIRST_SPECIAL - numbers.pieces, axis=0)
    rows = [pupil.words[: numbers.pieces], spare, pupil.words[numbers.pieces :], pupil.time_rows(TIMES)]
    decoder = {
        "token_embedding.weight": mx.concatenate(rows),
        "positional_embedding": pupil.positions,
        **{f"blocks.{name}": array for name, array in tree_flatten([block.parameters() for block in pupil.blocks])},
        **{f"ln.{name}": array for name, array in tree_flatten(pupil.ln.parameters())},
    }
    encoder = {
        **{f"ln_post.{name}": array for name, array in tree_flatten(pupil.ln_post.parameters())},
        "conv1.weight": pupil.conv1.weight.reshape(recipe.size, 3, BANDS),
        "conv1.bias": pupil.conv1.bias,
        "conv2.weight": pupil.conv2.weight.reshape(recipe.size, 3, recipe.size),
        "conv2.bias": pupil.conv2.bias,
    }
    every = {f"decoder.{name}": array for name, array in decoder.items()}
    every |= {f"encoder.{name}": array for name, array in encoder.items()}
    Model(dimensions(recipe)).load_weights(list(every.items()), strict=True)  # names and shapes are as they must be
    return {name: array.astype(mx.float16) for name, array in every.items()}
