"""Answers that a grammar holds in part: behind a thought, or from the mark of a call on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from adapters.inference.constraints.mark_watch import MarkWatch
from adapters.inference.constraints.masks import all_but, holds, with_tokens
from adapters.inference.constraints.matching import GrammarConstraint
from domain.inference import ReasoningMarks
from ports.token_constraint import TokenConstraint


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the stages know of the tokenizer. stops: the tokens that end an answer. bytes_of: a token's bytes.
    encode: text to tokens, without special ones.
    """

    size: int
    stops: frozenset[int]
    bytes_of: Callable[[int], bytes]
    encode: Callable[[str], list[int]]

    def take_over(self, grammar: GrammarConstraint, rest: bytes) -> None:
        """Hand the grammar what was written behind a mark, in the mark's last token."""
        text = rest.decode(errors="replace").lstrip()
        if text:
            grammar.begin_with(rest, self.encode(text))


class _Stage(Enum):
    THOUGHT = auto()
    START = auto()
    HELD = auto()
    CALLED = auto()


class AfterThought:
    """TokenConstraint: thoughts are free but cannot end the answer; what follows them is held to `grammar`.

    opener: the token that begins a thought, call_opener: the one that begins a call, each None where there is none; at
    the answer's start they may come instead of what the grammar says. calls: what holds an answer that calls.
    """

    def __init__(
        self,
        grammar: GrammarConstraint,
        tokens: Tokens,
        marks: ReasoningMarks | None,
        thinks: bool,
        openers: tuple[int | None, int | None],
        calls: TokenConstraint | None,
    ) -> None:
        self._grammar = grammar
        self._tokens = tokens
        self._closing = MarkWatch([marks.closing] if marks else [])
        self._stage = _Stage.THOUGHT if thinks else _Stage.START
        self._free = all_but(tokens.size, tokens.stops)
        first = grammar.allowed()
        self._opener, self._call_opener = (None if token is None or holds(first, token) else token for token in openers)
        self._calls = calls

    def allowed(self) -> bytes | None:
        match self._stage:
            case _Stage.THOUGHT:
                return self._free
            case _Stage.START:
                exits = (token for token in (self._opener, self._call_opener) if token is not None)
                return with_tokens(self._grammar.allowed(), exits)
            case _Stage.HELD:
                return self._grammar.allowed()
            case _Stage.CALLED:
                return None if self._calls is None else self._calls.allowed()

    def accept(self, token: int) -> None:
        match self._stage:
            case _Stage.THOUGHT:
                self._think(token)
            case _Stage.START:
                self._begin(token)
            case _Stage.HELD:
                self._grammar.accept(token)
            case _Stage.CALLED:
                self._accept_call(token)

    def _think(self, token: int) -> None:
        found = self._closing.feed(self._tokens.bytes_of(token))
        if found is None:
            return
        self._stage = _Stage.START
        if found[1].strip():
            self._tokens.take_over(self._grammar, found[1])
            self._stage = _Stage.HELD

    def _begin(self, token: int) -> None:
        if token == self._opener:
            self._stage = _Stage.THOUGHT
        elif token == self._call_opener:
            self._stage = _Stage.CALLED
            self._accept_call(token)
        else:
            self._stage = _Stage.HELD
            self._grammar.accept(token)

    def _accept_call(self, token: int) -> None:
        if self._calls is not None:
            self._calls.accept(token)


class StrictCalls:
    """TokenConstraint: everything is free until the mark of a call; from there on the call is held to `call`, until its
    closing mark. Marks inside a thought are none. parallel False: nothing follows the first call.
    """

    def __init__(
        self,
        call: GrammarConstraint,
        tokens: Tokens,
        opening: str,
        marks: ReasoningMarks | None,
        thinks: bool,
        parallel: bool,
    ) -> None:
        self._call = call
        self._tokens = tokens
        self._said = MarkWatch([opening, *([marks.opening] if marks else [])])
        self._thought = MarkWatch([marks.closing] if marks else [])
        self._thinks = thinks
        self._parallel = parallel
        self._held: GrammarConstraint | None = None

    def allowed(self) -> bytes | None:
        if self._held is None:
            return None
        return with_tokens(b"", self._tokens.stops) if self._held.is_done else self._held.allowed()

    def accept(self, token: int) -> None:
        if self._held is None:
            self._watch(self._tokens.bytes_of(token))
        elif not self._held.is_done:
            self._held.accept(token)
            if self._held.is_done and self._parallel:
                self._held = None

    def _watch(self, piece: bytes) -> None:
        if self._thinks:
            self._thinks = self._thought.feed(piece) is None
            return
        found = self._said.feed(piece)
        if found is None:
            return
        if found[0] == 0:
            self._held = self._call.fresh()
            self._tokens.take_over(self._held, found[1])
        else:
            self._thinks = True
