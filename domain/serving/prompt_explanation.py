"""What is told of a prompt and the memory of older ones, with the texts of the tokens where they part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from domain.serving.cache_check import CacheChecks
from domain.serving.prompt_divergence import Divergence, Loss, PromptDivergence

_WHY = {
    Loss.LAST_TOKEN: "the last one is always read",
    Loss.FORGOTTEN: "the others were dropped, to make room or because somebody cleared the cache",
    Loss.NO_SNAPSHOT: "this model's caches cannot be cut, and no turn that was kept ends further on",
    Loss.QUARANTINED: "caches of this kind answered otherwise than a fresh reading, and are in quarantine",
}


@dataclass(frozen=True, slots=True)
class TokenText:
    """token: the first that is another. text: its own, which may be part of a character or none at all. following: of
    it and those after it together, SHOWN_TOKENS at most.
    """

    token: int
    text: str
    following: str


@dataclass(frozen=True, slots=True)
class PromptExplanation:
    """prompt, remembered: where the two go on after the tokens that agree; None where one of them ends there, or where
    nothing is remembered. checks: what the guard has found so far.
    """

    divergence: PromptDivergence
    prompt: TokenText | None = None
    remembered: TokenText | None = None
    checks: CacheChecks = field(default_factory=CacheChecks)

    @property
    def message(self) -> str:
        """For people."""
        return f"{self._where} {self._reuse}" if self.divergence.remembers else self._where

    @property
    def _where(self) -> str:
        matched = f"{self.divergence.matched_tokens:,}"
        match self.divergence.kind:
            case Divergence.CACHE_OFF:
                return "The prompt cache is off."
            case Divergence.NOTHING_REMEMBERED:
                return "No prompt is remembered."
            case Divergence.IDENTICAL:
                return "The prompt equals one that is remembered."
            case Divergence.PROMPT_GOES_ON:
                return f"The prompt goes on where one that is remembered ends, after {matched} tokens."
            case Divergence.PROMPT_ENDS:
                return f"The prompt, {matched} tokens, is the beginning of one that is remembered."
            case Divergence.TOKENS_DIFFER:
                return (
                    f"After {matched} tokens the prompt says {_quoted(self.prompt)} "
                    f"where the nearest one that is remembered says {_quoted(self.remembered)}."
                )
            case Divergence.PICTURES_DIFFER:
                return (
                    f"After {matched} tokens the prompt shows another picture than the nearest one that is remembered."
                )

    @property
    def _reuse(self) -> str:
        found = self.divergence
        why = f": {_WHY[found.loss]}" if found.loss in _WHY else ""
        return f"Of its {found.prompt_tokens:,} tokens {found.reusable_tokens:,} need not be read{why}."


def explained(
    divergence: PromptDivergence, spelled: Callable[[int], bytes], checks: CacheChecks | None = None
) -> PromptExplanation:
    """spelled: the bytes that a token stands for; b"" for one without text."""
    return PromptExplanation(
        divergence,
        _token_text(divergence.prompt_next, spelled),
        _token_text(divergence.remembered_next, spelled),
        checks or CacheChecks(),
    )


def _token_text(tokens: tuple[int, ...], spelled: Callable[[int], bytes]) -> TokenText | None:
    if not tokens:
        return None
    pieces = [spelled(token) for token in tokens]
    return TokenText(tokens[0], _text(pieces[0]), _text(b"".join(pieces)))


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _quoted(side: TokenText | None) -> str:
    return "nothing" if side is None else f"{side.following!r} (token {side.token})"
