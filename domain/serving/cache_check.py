"""What came of comparing a model's answer with a remembered prompt and without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheCheck:
    """kinds: the classes of the caches compared. prefix_tokens: how many were taken from memory. difference: the
    largest one of log-probability among the likeliest next tokens; tolerance: what rounding may explain.
    """

    kinds: tuple[str, ...]
    prefix_tokens: int
    difference: float
    tolerance: float

    @property
    def differs(self) -> bool:
        """Also when the difference is no number."""
        return not self.difference <= self.tolerance

    @property
    def sentence(self) -> str:
        return (
            f"caches of {', '.join(self.kinds)} gave log-probabilities {self.difference:.3g} apart after "
            f"{self.prefix_tokens:,} remembered tokens, where {self.tolerance:.3g} is allowed"
        )


@dataclass(frozen=True, slots=True)
class CacheChecks:
    """How many comparisons there have been since the model was loaded, and how many of them found a difference."""

    made: int = 0
    differing: int = 0

    def and_one_more(self, check: CacheCheck) -> CacheChecks:
        return CacheChecks(self.made + 1, self.differing + check.differs)
