"""Who guesses the next tokens, so that the model need only check them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache, trim_prompt_cache

from adapters.inference.solo.caches import CHUNK_TOKENS
from adapters.inference.solo.drawing import RowDraw, whole_number, whole_numbers


class Proposer(Protocol):
    """Guesses for one row. A bad guess costs time and never changes the answer."""

    def read(self, tokens: Sequence[int]) -> None:
        """Get ready for a context that begins with these tokens; called chunk by chunk with ever more of them."""

    def propose(self, context: Sequence[int], count: int, draw: RowDraw) -> mx.array:
        """At most `count` tokens that may follow: [n], perhaps not evaluated yet. The context begins with the one
        before, and has at least one token.
        """


class NoProposals:
    """Guesses nothing."""

    def read(self, tokens: Sequence[int]) -> None:
        """Nothing to do."""

    def propose(self, context: Sequence[int], count: int, draw: RowDraw) -> mx.array:  # noqa: ARG002
        return mx.array([], mx.int32)


class NgramLookup:
    """What followed the last time that the context said its last `size` tokens."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen = 0  # ends of n-grams below this are in the index
        self._follows: dict[tuple[int, ...], int] = {}

    def read(self, tokens: Sequence[int]) -> None:
        """The index is made when it is first asked."""

    def propose(self, context: Sequence[int], count: int, draw: RowDraw) -> mx.array:  # noqa: ARG002
        size, end = self._size, len(context)
        for at in range(max(self._seen, size), end):
            self._follows[tuple(context[at - size : at])] = at
        self._seen = max(self._seen, end)
        found = self._follows.get(tuple(context[end - size :])) if end > size else None
        return mx.array([] if found is None else list(context[found : found + count]), mx.int32)


class DraftModel:
    """A smaller model's own continuation, drawn with the row's own chance: where both models agree on the
    distribution, they draw the same token.

    vocabulary: of the large model. The draft's logits are cut to it, or filled up, so that both meet the same chance.
    own_vocabulary: ids from there on are none that the draft can read; it then stops guessing.
    """

    def __init__(self, network: Any, vocabulary: int, own_vocabulary: int) -> None:
        self._network = network
        self._vocabulary = vocabulary
        self._own_vocabulary = own_vocabulary
        self._caches: list[Any] = make_prompt_cache(network)
        self._held = 0  # tokens in the caches
        self._guesses = mx.array([], mx.int32)  # the last so many of them, but for the last one

    def read(self, tokens: Sequence[int]) -> None:
        if not self._readable(tokens[self._held :]):
            return
        while self._held < len(tokens):
            self._forward(tokens[self._held : min(self._held + CHUNK_TOKENS, len(tokens))])
            mx.eval([layer.state for layer in self._caches])

    def propose(self, context: Sequence[int], count: int, draw: RowDraw) -> mx.array:
        self._forget_wrong_guesses(context)
        if count < 1 or not self._readable(context[self._held :]):
            return mx.array([], mx.int32)
        self.read(context[: len(context) - 1])
        start = draw.position_after(context)
        said = list(context) if draw.looks_back else []
        token = mx.array([context[-1]], mx.int32)
        guesses = []
        for at in range(count):
            logits = self._forward(token)
            token = draw.draw(self._fitted(logits), start + at, said).token.reshape(1).astype(mx.int32)
            guesses.append(token)
            if draw.looks_back:
                said.append(whole_number(token))
        self._guesses = mx.concatenate(guesses)
        return self._guesses

    def _forward(self, tokens: Sequence[int] | mx.array) -> mx.array:
        """The last token's logits."""
        fed = tokens if isinstance(tokens, mx.array) else mx.array(list(tokens), mx.int32)
        self._held += fed.size
        logits: mx.array = self._network(fed[None], cache=self._caches)
        return logits[0, -1]

    def _forget_wrong_guesses(self, context: Sequence[int]) -> None:
        """The context's last token is left to be read, whatever was guessed."""
        guessed = whole_numbers(self._guesses)[:-1]
        self._guesses = mx.array([], mx.int32)
        start = self._held - len(guessed)
        right = 0
        while right < len(guessed) and start + right < len(context) - 1 and guessed[right] == context[start + right]:
            right += 1
        surplus = self._held - min(start + right, len(context) - 1)
        if surplus > 0:
            trim_prompt_cache(self._caches, surplus)
            self._held -= surplus

    def _readable(self, tokens: Sequence[int]) -> bool:
        return all(token < self._own_vocabulary for token in tokens)

    def _fitted(self, logits: mx.array) -> mx.array:
        if logits.size >= self._vocabulary:
            return logits[: self._vocabulary]
        return mx.pad(logits.astype(mx.float32), (0, self._vocabulary - logits.size), constant_values=-mx.inf)


MakeProposer = Callable[[], Proposer]
