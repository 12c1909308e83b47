"""How the next token of a row that is served alone is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import mlx.core as mx

from adapters.inference.engine.masks import NEVER, unpacked
from adapters.inference.engine.sampler import Sampler
from domain.inference import Sampling
from ports.text_engine import TokenScore


@dataclass(frozen=True, slots=True)
class Drawn:
    """Not evaluated yet. token: a scalar. logprobs: the model's own, [vocabulary], when they were asked for. likeliest:
    ids of the likeliest tokens, likeliest first.
    """

    token: mx.array
    logprobs: mx.array | None = None
    likeliest: mx.array | None = None

    @property
    def arrays(self) -> list[mx.array]:
        return [each for each in (self.token, self.logprobs, self.likeliest) if each is not None]

    def score(self) -> TokenScore | None:
        if self.logprobs is None:
            return None
        ids = [] if self.likeliest is None else whole_numbers(self.likeliest)
        chosen, *others = cast("list[float]", self.logprobs[mx.array([whole_number(self.token), *ids])].tolist())
        return TokenScore(chosen, tuple(zip(ids, others, strict=True)))


def whole_number(scalar: mx.array) -> int:
    return cast("int", scalar.item())


def whole_numbers(row: mx.array) -> list[int]:
    """[n] -> n of them."""
    return cast("list[int]", row.tolist())


class RowDraw:
    """Draws as the batched engine does, with key = (seed, position), so that what was proposed and what would have been
    said without proposals meet the same chance. The order is mlx-lm's: bias, repetition, presence and frequency, mask;
    then what the Sampler does.

    prompt_tokens: positions count from there. scores: how many of the likeliest tokens to report, None for no report.
    stop_tokens: XTC never leaves these out.
    """

    def __init__(
        self,
        sampling: Sampling,
        prompt_tokens: int,
        scores: int | None = None,
        stop_tokens: frozenset[int] = frozenset(),
    ) -> None:
        self._sampling = sampling
        self._sampler = Sampler([sampling], spared_by_xtc=stop_tokens)
        self._prompt_tokens = prompt_tokens
        self._scores = scores
        self._bias_ids = mx.array([token for token, _ in sampling.logit_bias], mx.int32)
        self._bias = mx.array([bias for _, bias in sampling.logit_bias], mx.float32)

    @property
    def looks_back(self) -> bool:
        """The logits depend on the tokens so far, so these must be known."""
        return self._sampling.penalises

    def position_after(self, context: Sequence[int]) -> int:
        """The position in the answer of the token that follows this context."""
        return len(context) - self._prompt_tokens

    def draw(self, logits: mx.array, position: int, context: Sequence[int], allowed: bytes | None = None) -> Drawn:
        """logits: [vocabulary]. position: of the token in the answer, from 0. context: prompt and answer before it;
        not looked at unless `looks_back`. allowed: as TokenConstraint has it.
        """
        logits = logits.astype(mx.float32)
        token = self._sampler.draw(self._changed(logits, context, allowed)[None], [position])[0]
        if self._scores is None:
            return Drawn(token)
        logprobs = logits - mx.logsumexp(logits)
        return Drawn(token, logprobs, mx.argsort(-logprobs)[: self._scores] if self._scores else None)

    def _changed(self, logits: mx.array, context: Sequence[int], allowed: bytes | None) -> mx.array:
        sampling = self._sampling
        if sampling.logit_bias:
            logits = logits.at[self._bias_ids].add(self._bias)
        if sampling.repetition_penalty != 1.0:
            logits = _less_repeated(logits, context[-sampling.repetition_context_size :], sampling.repetition_penalty)
        said = Counter(context[self._prompt_tokens :]) if sampling.penalises else Counter[int]()
        if said and (sampling.presence_penalty or sampling.frequency_penalty):
            price = [sampling.presence_penalty + sampling.frequency_penalty * times for times in said.values()]
            logits = logits.at[mx.array(list(said), mx.int32)].add(-mx.array(price, mx.float32))
        return logits if allowed is None else mx.where(mx.array(unpacked(allowed, logits.size)), logits, NEVER)


def _less_repeated(logits: mx.array, window: Sequence[int], penalty: float) -> mx.array:
    ids = mx.array(sorted(set(window)), mx.int32)
    before = logits[ids]
    after = mx.where(before < 0, before * penalty, before / penalty)
    return logits.at[ids].add(after - before)
