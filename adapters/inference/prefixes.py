"""What the engine asks of the memory of prompts it has read before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from domain.serving.cache_check import CacheCheck
from domain.serving.prompt_divergence import Divergence, Loss, PromptDivergence


@dataclass(frozen=True, slots=True)
class Prefix:
    """caches: one a layer, as the model makes them for a single row, holding exactly the first `length` tokens. They
    are the taker's own: writing on in them changes nothing that is remembered.
    """

    length: int
    caches: list[Any]


class HeldBytes(NamedTuple):
    """ram: of this model. disk: of all models, as last counted."""

    ram: int
    disk: int


class Prefixes(Protocol):
    """Every call from the engine's thread. Tokens of pictures come as domain.serving.picture_tokens marks them: the
    same placeholders for another picture are other tokens, and no remembered beginning ends within one.
    """

    @property
    def held(self) -> HeldBytes | None:
        """None where nothing is ever remembered."""

    def longest(self, tokens: Sequence[int]) -> Prefix | None:
        """The longest remembered beginning of these tokens, shorter than all of them: at least the last token is left
        to be read. None when nothing is remembered. Never raises: what cannot be read is forgotten.
        """

    def keep(self, tokens: Sequence[int], caches: list[Any], *, boundary: bool) -> None:
        """Remember that single-row `caches` hold exactly these tokens. boundary: a turn ends here, so that a cache that
        cannot be cut short is worth a snapshot. The caches stay the caller's, who may write on. Never raises.
        """

    def explain(self, tokens: Sequence[int]) -> PromptDivergence:
        """Where this prompt leaves the nearest one that is remembered, and what would be reused now. Never raises."""

    def idle_check(self, network: Any) -> CacheCheck | None:
        """Compare the network's answer to a prompt that was kept lately with the remembered caches and without; what
        differs is not used any more. None when nothing waits to be compared. For when nobody waits. Never raises.
        """

    def close(self) -> None:
        """Write down what must outlive the process. Idempotent."""


class NoPrefixes:
    """Remembers nothing."""

    @property
    def held(self) -> HeldBytes | None:
        return None

    def longest(self, tokens: Sequence[int]) -> Prefix | None:  # noqa: ARG002
        return None

    def keep(self, tokens: Sequence[int], caches: list[Any], *, boundary: bool) -> None:
        """Nothing to do."""

    def explain(self, tokens: Sequence[int]) -> PromptDivergence:
        return PromptDivergence(Divergence.CACHE_OFF, len(tokens), 0, 0, Loss.NONE)

    def idle_check(self, network: Any) -> CacheCheck | None:  # noqa: ARG002
        return None

    def close(self) -> None:
        """Nothing to do."""
