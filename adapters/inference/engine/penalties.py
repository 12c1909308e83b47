"""What changes the logits before a token is drawn: bias and penalties, for all rows at once."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from adapters.inference.engine.rows import Row


class Bias:
    """logit_bias of the rows that have one."""

    def __init__(self, rows: Sequence[Row]) -> None:
        triples = [(at, token, value) for at, row in enumerate(rows) for token, value in row.asked.sampling.logit_bias]
        self.none = not triples
        if triples:
            self._at = mx.array([at for at, _, _ in triples], dtype=mx.int32)
            self._tokens = mx.array([token for _, token, _ in triples], dtype=mx.int32)
            self._values = mx.array([value for _, _, value in triples])

    def apply(self, logits: mx.array) -> mx.array:
        """[rows, vocabulary] -> the same shape and kind."""
        return logits.at[self._at, self._tokens].add(self._values.astype(logits.dtype))


class Penalties:
    """Repetition, presence and frequency penalties of the rows that have one.

    Made from what the rows have said before the token in hand (`pending`: there is one); that and each later one is
    told to `apply` as an array that nobody need have looked at, so that a step waits for nothing. Repetition: over the
    last repetition_context_size tokens, prompt included, each once, as mlx-lm does. Presence, frequency: over the
    answer's tokens, as OpenAI defines them.
    """

    def __init__(self, rows: Sequence[Row], vocabulary: int, pending: bool) -> None:
        at = [at for at, row in enumerate(rows) if row.asked.sampling.penalises]
        self.none = not at
        if self.none:
            return
        self._said = [rows[each].said[: rows[each].drawn - 1 if pending else None] for each in at]
        self._prompts = [rows[each].asked.prompt for each in at]
        self._limits = [len(rows[each].asked.prompt) + rows[each].asked.max_tokens for each in at]
        self._vocabulary = vocabulary
        self._index = None if len(at) == len(rows) else mx.array(at, dtype=mx.int32)
        samplings = [rows[each].asked.sampling for each in at]
        self._repetition = _column([sampling.repetition_penalty for sampling in samplings])
        self._presence = _column([sampling.presence_penalty for sampling in samplings])
        self._frequency = _column([sampling.frequency_penalty for sampling in samplings])
        self._repeats = any(sampling.repetition_penalty != 1.0 for sampling in samplings)
        self._counts_words = any(sampling.presence_penalty or sampling.frequency_penalty for sampling in samplings)
        self._window = (
            self._made_window([sampling.repetition_context_size for sampling in samplings]) if self._repeats else None
        )
        self._counts = self._made_counts() if self._counts_words else None

    def apply(self, logits: mx.array, last: mx.array | None) -> mx.array:
        """[rows, vocabulary] -> the same. last: [rows], the token that each row drew since it was told of, or None."""
        mine = logits if self._index is None else logits[self._index]
        if last is not None:
            self._hear(last if self._index is None else last[self._index])
        if self._window is not None:
            mine = self._penalise_repetition(mine, self._window)
        if self._counts is not None:
            words = self._frequency * self._counts + self._presence * (self._counts > 0)
            mine = mine - words.astype(mine.dtype)
        if self._index is None:
            return mine
        logits[self._index] = mine
        return logits

    def _hear(self, last: mx.array) -> None:
        if self._window is not None:
            self._window = mx.concatenate([self._window[:, 1:], last[:, None].astype(mx.int32)], axis=1)
        if self._counts is not None:
            everyone = mx.arange(len(self._said))
            self._counts = self._counts.at[everyone, last].add(mx.array(1.0))

    def _penalise_repetition(self, logits: mx.array, window: mx.array) -> mx.array:
        window = mx.where(self._outside, self._vocabulary, window)
        seen = mx.zeros((len(self._said), self._vocabulary + 1), dtype=mx.bool_)
        everyone = mx.arange(len(self._said))[:, None]
        seen[everyone, window] = True
        weaker = mx.where(logits < 0, logits * self._repetition, logits / self._repetition).astype(logits.dtype)
        return mx.where(seen[:, :-1], weaker, logits)

    def _made_window(self, sizes: Sequence[int]) -> mx.array:
        """[rows, widest context]: the last tokens. Where a row's own context is narrower, _outside is set."""
        texts = [(*prompt, *said) for prompt, said in zip(self._prompts, self._said, strict=True)]
        width = max(min(size, limit) for size, limit in zip(sizes, self._limits, strict=True))
        self._outside = mx.arange(width)[None] < mx.array([[max(0, width - size)] for size in sizes])
        tails = [text[-width:] for text in texts]
        return mx.array([[self._vocabulary] * (width - len(tail)) + list(tail) for tail in tails], dtype=mx.int32)

    def _made_counts(self) -> mx.array:
        """[rows, vocabulary]: how often each token has been said."""
        counts = mx.zeros((len(self._said), self._vocabulary))
        said = [(at, token) for at, tokens in enumerate(self._said) for token in tokens]
        if not said:
            return counts
        rows, tokens = mx.array([at for at, _ in said]), mx.array([token for _, token in said])
        return counts.at[rows, tokens].add(mx.array(1.0))


def _column(values: Sequence[float]) -> mx.array:
    return mx.array(list(values), dtype=mx.float32)[:, None]
