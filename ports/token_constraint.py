"""Which tokens may come next."""

from __future__ import annotations

from typing import Protocol


class TokenConstraint(Protocol):
    """One row's grammar, in step with the tokens of its answer. One owner: the engine's thread. Does no MLX work."""

    def allowed(self) -> bytes | None:
        """The tokens that may come next, one bit each: bit `n % 8` of byte `n // 8` is token n, counted from the least
        significant bit. None: any. At least one bit is set; where the answer may end, those of the stop tokens are.

        Raises GenerationFailed when nothing may come.
        """

    def accept(self, token: int) -> None:
        """This token was drawn. Raises GenerationFailed for one that was not allowed."""
