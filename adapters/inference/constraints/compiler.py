"""Grammars to matchers, with llguidance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper
from llguidance.hf import from_tokenizer

from domain.errors import InvalidRequest, ModelNotRunnable

WORDS_OF_THE_COMPILER = 400


class GrammarCompiler:
    """Compiles for one tokenizer, whose table llguidance gets at the first grammar: that costs about a second for
    100,000 tokens, and is kept.

    stops: the tokens that end an answer; they are allowed wherever a grammar is satisfied.
    """

    def __init__(self, tokenizer: Any, stops: frozenset[int], token_bytes: Callable[[int], bytes]) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        self._token_bytes = token_bytes
        self._table: LLTokenizer | None = None
        self._limits = LLParserLimits(verbose_errors=False)

    @property
    def table(self) -> LLTokenizer:
        if self._table is None:
            self._table = self._new_table()
        return self._table

    @property
    def vocabulary_size(self) -> int:
        return int(self.table.vocab_size)

    def compile(self, grammar: str, param: str) -> LLMatcher:
        """A matcher at the beginning of `grammar`. It may be used on one other thread.

        Raises InvalidRequest with the compiler's words, for the request's field `param`.
        """
        matcher = LLMatcher(self.table, grammar, log_level=0, limits=self._limits)
        fault = matcher.get_error() if matcher.is_error() else "; ".join(matcher.get_grammar_warnings())
        if fault:
            raise InvalidRequest(
                f"{param} cannot be enforced: {' '.join(fault.split())[:WORDS_OF_THE_COMPILER]}",
                hint="leave out what the message names",
                param=param,
            )
        return matcher

    def compiles(self, grammar: str) -> bool:
        return not LLMatcher.validate_grammar(grammar, self.table, limits=self._limits)

    def _new_table(self) -> LLTokenizer:
        stops = sorted(self._stops)
        if not stops:
            raise ModelNotRunnable("the model names no token that ends an answer: its form cannot be enforced")
        try:
            return from_tokenizer(self._tokenizer, eos_token=stops)
        except ValueError:
            # llguidance knows the two families that spell tokens as bytes. For all others it takes our own table.
            return LLTokenizer(TokenizerWrapper(_Spelled(self._tokenizer, stops, self._token_bytes)), eos_token=stops)


class _Spelled:
    """A tokenizer as a list of the bytes of its tokens, in the form that llguidance asks for."""

    bos_token_id: int | None = None

    def __init__(self, tokenizer: Any, stops: Sequence[int], token_bytes: Callable[[int], bytes]) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = stops[0]
        self.tokens = [token_bytes(token) for token in range(len(tokenizer))]
        self.special_token_ids = sorted({*stops, *map(int, tokenizer.added_tokens_decoder)})

    def __call__(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))
