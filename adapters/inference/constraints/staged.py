"""Answers that a grammar holds in part: behind a thought, or from the mark of a call on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from adapters.inference.constraints.mark_watch import MarkWatch
from adapters.inference.constraints.masks import all_but, holds, with_tokens
from adapters.inference.constraints.matching import GrammarConstraint
from domain.inference import ReasoningMarks, ToolMarks
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


@dataclass(frozen=True, slots=True)
class Entrances:
    """What an answer may do besides being in its form. thought, call: their marks, None for what it may not do.
    thought_token, call_token: the tokens that these begin with, None where there is no such token.
    """

    thought: ReasoningMarks | None = None
    call: ToolMarks | None = None
    thought_token: int | None = None
    call_token: int | None = None


class _Stage(Enum):
    THOUGHT = auto()
    START = auto()
    HELD = auto()
    CALLED = auto()


class AfterThought:
    """TokenConstraint: thoughts are free but cannot end the answer; what follows them is held to `grammar`. At the
    answer's start a thought or a call may come instead; a call's mark inside a thought ends it.

    thinks: the prompt has opened a thought. calls: what holds an answer that calls, None for nothing.
    """

    def __init__(
        self,
        grammar: GrammarConstraint,
        tokens: Tokens,
        entrances: Entrances,
        thinks: bool,
        calls: TokenConstraint | None,
    ) -> None:
        self._grammar = grammar
        self._tokens = tokens
        closing = [entrances.thought.closing] if entrances.thought else []
        self._ends_thought = MarkWatch([*closing, *([entrances.call.opening] if entrances.call else [])])
        self._stage = _Stage.THOUGHT if thinks else _Stage.START
        self._free = all_but(tokens.size, tokens.stops)
        first = grammar.allowed()
        self._opener, self._call_opener = (
            None if token is None or holds(first, token) else token
            for token in (entrances.thought_token, entrances.call_token)
        )
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
        self._accept_call(token)  # it may be the mark of one
        found = self._ends_thought.feed(self._tokens.bytes_of(token))
        if found is None:
            return
        which, rest = found
        self._stage = _Stage.START if which == 0 else _Stage.CALLED
        if which == 0 and rest.strip():
            self._tokens.take_over(self._grammar, rest)
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
    """TokenConstraint: everything is free until the mark of a call, inside a thought too; from there on the call is
    held to `call`, until its closing mark. parallel False: nothing follows the first call.
    """

    def __init__(self, call: GrammarConstraint, tokens: Tokens, opening: str, parallel: bool) -> None:
        self._call = call
        self._tokens = tokens
        self._opening = MarkWatch([opening])
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
        found = self._opening.feed(piece)
        if found is not None:
            self._held = self._call.fresh()
            self._tokens.take_over(self._held, found[1])
