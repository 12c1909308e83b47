"""How likely the model thought each token of a prompt, for rows that ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from adapters.inference.engine.arrays import numbers
from adapters.inference.engine.probe import LAST_PASS_TOKENS
from adapters.inference.engine.scores import likeliest, logprobs_of
from domain.errors import UnsupportedParameter
from ports.text_engine import TokenScore

# Of so many places at once the logits are looked at: exactly, and sorted, they take several times their own memory.
PLACES = 32


class PromptScorer:
    """Stands in for the network while one row's prompt is read from its first token on, chunk by chunk: the logits of a
    chunk are reduced to the scores that are wanted before the next is read.
    """

    def __init__(self, network: Any, prompt: Sequence[int], top: int, told: int) -> None:
        """top: how many of the likeliest tokens to tell with each. told: scores that were taken from an earlier reading
        of the same prompt, and are not told again.
        """
        self._network = network
        self._prompt = prompt
        self._top = top
        self._told = told
        self._read = 0
        self._scores: list[TokenScore] = []

    def __call__(self, tokens: mx.array, cache: list[Any], **shown: Any) -> mx.array:
        """[1, length] -> [1, length, vocabulary]."""
        logits: mx.array = self._network(tokens, cache=cache, **shown)
        begin, self._read = self._read, self._read + tokens.shape[1]
        following = self._prompt[begin + 1 : self._read + 1]
        scores = score_tokens(logits[0], following, self._top)
        self._scores += scores[max(0, self._told - begin) :]
        return logits

    def take(self) -> tuple[TokenScore, ...]:
        """What has been found since the last time, of the prompt's next tokens."""
        taken, self._scores = tuple(self._scores), []
        return taken


def refuse_to_score_at_once(together: int) -> None:
    """together: how many tokens of a prompt must be read in one pass. Raises UnsupportedParameter where the logits of
    too many places would have to be held at once.
    """
    if together > LAST_PASS_TOKENS:
        raise UnsupportedParameter(
            f"echo: this model must read {together:,} tokens of the prompt in one pass, and the scores of more than "
            f"{LAST_PASS_TOKENS} at once take too much memory",
            hint="send a shorter prompt, or leave logprobs out",
            param="echo",
        )


def score_tokens(logits: mx.array, tokens: Sequence[int], top: int) -> list[TokenScore]:
    """logits: [length, vocabulary], of the places before each of the tokens, perhaps of more. Waits for them."""
    scores: list[TokenScore] = []
    for begin in range(0, len(tokens), PLACES):
        wanted = mx.array(list(tokens[begin : begin + PLACES]), dtype=mx.int32)
        arrays = logprobs_of(logits[begin : begin + len(wanted)], wanted, top)
        mx.eval(arrays)
        chosen, *best = [numbers(array) for array in arrays]
        scores += [
            TokenScore(logprob, likeliest(best[0][at], best[1][at], top) if best else ())
            for at, (logprob,) in enumerate(chosen)
        ]
    return scores
