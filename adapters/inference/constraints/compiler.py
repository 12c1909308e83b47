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

    def compile(self, grammar: str, param: str, lenient: bool = False) -> LLMatcher:
        """A matcher at the beginning of `grammar`. It may be used on one other thread. lenient: parts of a schema may
        go unenforced, where the grammar says so.

        Raises InvalidRequest with the compiler's words, for the request's field `param`.
        """
        matcher = LLMatcher(self.table, grammar, log_level=0, limits=self._limits)
        fault = matcher.get_error() if matcher.is_error() else ""
        if not fault and not lenient:
            fault = "; ".join(matcher.get_grammar_warnings())
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
    """A tokenizer as a list of the bytes of its tokens, in the form that llguidance asks for.

    Text becomes tokens by the longest that fits: the tokenizer itself may see a word's beginning where there is none.
    """

    bos_token_id: int | None = None

    def __init__(self, tokenizer: Any, stops: Sequence[int], token_bytes: Callable[[int], bytes]) -> None:
        self.eos_token_id = stops[0]
        self.tokens = [token_bytes(token) for token in range(len(tokenizer))]
        self.special_token_ids = sorted({*stops, *map(int, tokenizer.added_tokens_decoder)})
        special = set(self.special_token_ids)
        self._ids = {spelled: at for at, spelled in enumerate(self.tokens) if spelled and at not in special}
        self._longest = max(map(len, self._ids), default=1)

    def __call__(self, text: bytes | str) -> list[int]:
        rest = text if isinstance(text, bytes) else text.encode()
        found: list[int] = []
        while rest:
            lengths = range(min(self._longest, len(rest)), 0, -1)
            length = next((length for length in lengths if rest[:length] in self._ids), 0)
            if length:
                found.append(self._ids[rest[:length]])
            rest = rest[length or 1 :]  # what no token spells is left out
        return found
