"""The weights of a llama that follows a script."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from tests.support.miniatures.script import OPENING, Rules, Turning

HEAD_SIZE = 32
ROPE_THETA = 1e6
SHARP = 60.0  # of the attention: nats between the place that a head looks at and the places beside it, about half of it
MARGIN = 50.0  # logits between the right next token and the others, more or less
LAYER = "model.layers.0"

Matrix = NDArray[np.float32]


class Lookup:
    """beginnings: the first token of each answer. words: ids of the words that choose the second, third ... answer.
    openings: ids that a prompt may end with, for answers whose first token is nothing special.

    The hidden state holds one number a token, one that is always 1, one for each sighting (this token, so many places
    before), for each word, and for each turning. One attention layer fills in sightings and words, the MLP behind it
    the turnings. Scores of the next token, in steps of MARGIN: beginnings 1, 2, 4, ... (so that later words
    win), a usual successor more than all of them, a turning more than that.
    """

    def __init__(
        self, vocabulary: int, beginnings: Sequence[int], words: Sequence[int], rules: Rules, openings: Sequence[int]
    ) -> None:
        self._vocabulary = vocabulary
        self._beginnings = list(beginnings)
        self._words = list(words)
        self._rules = rules
        self._openings = list(openings)
        self._sightings = sorted({(turning.distance, turning.before) for turning in rules.turnings})
        self._distances = sorted({distance for distance, _ in self._sightings})
        self._heads = max(1, len(self._distances) + len(words))
        self._always = vocabulary
        self._first_sighting = vocabulary + 1
        self._first_word = self._first_sighting + len(self._sightings)
        self._first_turning = self._first_word + len(words)
        needed = self._first_turning + len(rules.turnings)
        self._hidden = needed + -needed % self._heads  # a config of another shape is refused
        self._head_size = max(HEAD_SIZE, len(self._sightings) + len(self._sightings) % 2)
        self._scale = (self._hidden / 2) ** 0.5  # what the norm makes of a 1 in a token's embedding

    def config(self) -> dict[str, object]:
        """What config.json says beside the usual."""
        return {
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],
            "vocab_size": self._vocabulary,
            "hidden_size": self._hidden,
            "num_hidden_layers": 1,
            "num_attention_heads": self._heads,
            "num_key_value_heads": self._heads,
            "head_dim": self._head_size,
            "intermediate_size": self._neurons,
            "rope_theta": ROPE_THETA,
        }

    def weights(self) -> dict[str, mx.array]:
        embedding = _zeros(self._vocabulary, self._hidden)
        embedding[:, : self._vocabulary] = np.eye(self._vocabulary)
        embedding[:, self._always] = 1.0
        ones = np.ones(self._hidden, np.float32)
        matrices = {
            "model.embed_tokens.weight": embedding,
            f"{LAYER}.input_layernorm.weight": ones,
            f"{LAYER}.post_attention_layernorm.weight": ones,
            "model.norm.weight": ones,
            "lm_head.weight": self._scores(),
            **self._attention(),
            **self._turnings(),
        }
        return {name: mx.array(matrix) for name, matrix in matrices.items()}

    @property
    def _neurons(self) -> int:
        return max(1, len(self._rules.turnings))

    def _attention(self) -> dict[str, Matrix]:
        """A head a distance, then a head a word."""
        wide = self._heads * self._head_size
        query, key, value = (_zeros(wide, self._hidden) for _ in range(3))
        output = _zeros(self._hidden, wide)
        half = self._head_size // 2
        turns = ROPE_THETA ** (-np.arange(half) / half)
        strength = SHARP * self._head_size**0.5 / self._scale**2
        for head, distance in enumerate(self._distances):
            start = head * self._head_size
            query[start : start + half, self._always] = strength
            key[start : start + half, self._always] = np.cos(turns * distance)
            key[start + half : start + 2 * half, self._always] = np.sin(turns * distance)
            for at, (far, before) in enumerate(self._sightings):
                if far == distance:
                    value[start + at, self._openings if before == OPENING else before] = 1 / self._scale
                    output[self._first_sighting + at, start + at] = 1.0
        for at, word in enumerate(self._words):
            start = (len(self._distances) + at) * self._head_size
            query[start + half - 1, self._always] = strength  # the slowest of the turns: as good as none
            key[start + half - 1, word] = 1.0
            value[start, word] = 1 / self._scale
            output[self._first_word + at, start] = 1.0
        names = ("q_proj", "k_proj", "v_proj", "o_proj")
        return {
            f"{LAYER}.self_attn.{name}.weight": matrix
            for name, matrix in zip(names, (query, key, value, output), strict=True)
        }

    def _turnings(self) -> dict[str, Matrix]:
        """A neuron a turning: above 0 when everything that it needs is there, else 0."""
        gate, up = _zeros(self._neurons, self._hidden), _zeros(self._neurons, self._hidden)
        down = _zeros(self._hidden, self._neurons)
        for at, turning in enumerate(self._rules.turnings):
            needs, excludes = self._needs(turning)
            gate[at, needs] = 10.0
            gate[at, excludes] = -10.0
            gate[at, self._always] = -10.0 * (len(needs) - 0.5)
            up[at, self._always] = 1.0
            down[self._first_turning + at, at] = 1.0 / (5.0 * self._scale**2)
        return {
            f"{LAYER}.mlp.gate_proj.weight": gate,
            f"{LAYER}.mlp.up_proj.weight": up,
            f"{LAYER}.mlp.down_proj.weight": down,
        }

    def _needs(self, turning: Turning) -> tuple[list[int], list[int]]:
        """Places of the hidden state that must be 1, and those that must be 0."""
        sighting = self._sightings.index((turning.distance, turning.before))
        needs = [turning.token, self._first_sighting + sighting]
        if turning.answer is None:
            return needs, []
        words = [self._first_word + at for at in range(len(self._words))]
        return needs + words[turning.answer - 1 : turning.answer] * (turning.answer > 0), words[turning.answer :]

    def _scores(self) -> Matrix:
        scores = _zeros(self._vocabulary, self._hidden)
        usual, step = 2.0 ** len(self._beginnings), MARGIN / self._scale
        for token in range(self._vocabulary):
            successor = self._rules.successors.get(token)
            scores[self._beginnings[0] if successor is None else successor, token] = 1.0 if successor is None else usual
        for at, beginning in enumerate(self._beginnings[1:]):
            scores[beginning, self._first_word + at] = 2.0 ** (at + 1)
        for at, turning in enumerate(self._rules.turnings):
            scores[turning.successor, self._first_turning + at] = 6.0 * usual
        scores *= step
        return scores


def _zeros(rows: int, columns: int) -> Matrix:
    return np.zeros((rows, columns), np.float32)
