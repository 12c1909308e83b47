"""An answer, or a part of one, that a grammar holds from its first token on."""

from __future__ import annotations

from llguidance import LLMatcher

from adapters.inference.constraints.masks import with_tokens, without
from domain.errors import GenerationFailed


class GrammarConstraint:
    """TokenConstraint over one matcher. stops: may come where the grammar is satisfied. never: stop tokens that the
    matcher's table knows and that would end this answer wrongly.
    """

    def __init__(self, matcher: LLMatcher, stops: frozenset[int], never: frozenset[int] = frozenset()) -> None:
        self._matcher = matcher
        self._stops = stops
        self._never = never
        self._ended = False

    @property
    def is_done(self) -> bool:
        """The grammar is satisfied and takes nothing more."""
        return self._ended or bool(self._matcher.is_stopped() and not self._matcher.is_error())

    @property
    def may_end(self) -> bool:
        return self._ended or bool(self._matcher.is_accepting())

    def allowed(self) -> bytes:
        if self._ended:
            return with_tokens(b"", self._stops)
        mask: bytes = self._matcher.compute_bitmask()
        if self._matcher.is_error():
            raise GenerationFailed(f"the answer's form cannot be enforced any further: {self._matcher.get_error()}")
        if self._matcher.is_accepting():
            mask = with_tokens(without(mask, self._never), self._stops)
        if not any(mask):
            raise GenerationFailed("no token of this model can go on in the form that was asked for")
        return mask

    def accept(self, token: int) -> None:
        if token in self._stops and self.may_end:
            self._ended = True
            return
        if self._ended or not self._matcher.consume_token(token):
            raise GenerationFailed(f"token {token} does not fit the form that was asked for")

    def fresh(self) -> GrammarConstraint:
        """A copy, at the place where this one is."""
        return GrammarConstraint(self._matcher.deep_copy(), self._stops, self._never)

    def begin_if_fits(self, tokens: list[int]) -> None:
        """Take words that are already there as the beginning, if they can be one; else begin anew."""
        if tokens and self._matcher.validate_tokens(tokens) == len(tokens):
            self._matcher.consume_tokens(tokens)

    def begin_with(self, text: bytes, tokens: list[int]) -> None:
        """What was written before this grammar took over but belongs to it."""
        for token in tokens:
            if not self._matcher.consume_token(token):
                raise GenerationFailed(f"{text[:80]!r} does not fit the form that was asked for")
