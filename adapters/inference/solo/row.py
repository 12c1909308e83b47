"""One row that is served alone, from its prompt to its last token."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import trim_prompt_cache

from adapters.inference.engine.caches import can_be_cut_short
from adapters.inference.engine.probe import LAST_PASS_TOKENS
from adapters.inference.engine.prompt_scores import PromptScorer
from adapters.inference.engine.rows import MAX_STOPS_COUNTED
from adapters.inference.engine.seats import grown_out
from adapters.inference.prefixes import NoPrefixes, Prefixes
from adapters.inference.solo.caches import CHUNK_TOKENS, CacheMaker
from adapters.inference.solo.drawing import Drawn, RowDraw, whole_number, whole_numbers
from adapters.inference.solo.proposers import MakeProposer, NoProposals
from domain.inference import FinishReason
from ports.text_engine import EngineRow, RowStats, RowStep, TokenScore


@dataclass(slots=True)
class Tally:
    """Tokens that were guessed, and those of them that came true."""

    proposed: int = 0
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class SoloModel:
    """What all rows of one loaded model share. alone: why they are not decoded in a batch. draft_tokens: guesses a
    pass, at most.
    """

    network: Any
    stop_tokens: frozenset[int]
    caches: CacheMaker
    alone: str
    make_proposer: MakeProposer = NoProposals
    draft_tokens: int = 0
    prefixes: Prefixes = field(default_factory=NoPrefixes)
    tally: Tally = field(default_factory=Tally)


class SoloRow:
    """Every call from the engine's thread. Errors of the row come out of `read` and `decode` as they are.

    Invariant between calls: the caches hold the first `_read` tokens of the context; while decoding that is all of it
    but the last token.
    """

    def __init__(self, row: EngineRow, model: SoloModel, longest: int, waiting_seconds: float) -> None:
        """longest: tokens of prompt and answer for which there is memory."""
        self.row = row
        self._model = model
        self._longest = longest
        self._waiting_seconds = waiting_seconds
        self._started = time.monotonic()
        self._first_token_at: float | None = None
        self._context = list(row.prompt)
        self._draw = RowDraw(row.sampling, len(row.prompt), row.logprobs, model.stop_tokens)
        self._proposer = model.make_proposer()
        mx.reset_peak_memory()
        found = None if row.score_prompt is not None else model.prefixes.longest(row.prompt)
        self._caches = model.caches.make() if found is None else found.caches
        self._read = self._cached = 0 if found is None else found.length
        self._scorer: PromptScorer | None = None
        self._snapshots = () if can_be_cut_short(self._caches) else row.anchors
        if row.score_prompt is not None:
            self._scorer, self._snapshots = PromptScorer(model.network, row.prompt, row.score_prompt, 0), ()

    @property
    def ready(self) -> bool:
        """Only the prompt's last token is left: its logits give the first token of the answer."""
        return self._read >= len(self.row.prompt) - 1

    def read(self) -> None:
        """Read the next chunk of the prompt and wait for it. Chunks end at multiples of CHUNK_TOKENS, counted from the
        prompt's start, and where a snapshot is wanted.
        """
        prompt, start = self.row.prompt, self._read
        end = min((start // CHUNK_TOKENS + 1) * CHUNK_TOKENS, len(prompt) - 1)
        end = min([anchor for anchor in self._snapshots if start < anchor < end], default=end)
        if self._scorer is not None:
            end = min(end, start + LAST_PASS_TOKENS)
        network = self._scorer or self._model.network
        network(mx.array([prompt[start:end]]), cache=self._caches)
        self._model.caches.settle(self._caches)
        mx.eval([layer.state for layer in self._caches])
        self._read = end
        self._proposer.read(prompt[:end])
        if end in self._snapshots:
            self._model.prefixes.keep(prompt[:end], self._caches, boundary=True)

    def news(self) -> list[RowStep]:
        """What the last chunk has to tell, and the row's end when it only reads and has."""
        row, told = self.row, list[RowStep]()
        if row.progress and self._read:
            told.append(RowStep(row.row_id, None, read=len(row.prompt) if self.ready else self._read))
        if self._scorer is not None and (scores := self._scorer.take()):
            told.append(RowStep(row.row_id, None, prompt_scores=scores))
        if row.only_read and self.ready:
            told.append(RowStep(row.row_id, None, FinishReason.LENGTH, stats=self._stats(time.monotonic())))
        return told

    def decode(self) -> Iterator[RowStep]:
        """One pass of the model: the tokens that it settles, one at least. The last one has `finish`.

        A row that fails on its way has given its good tokens before it raises. Raises InsufficientMemory when it has
        grown to all that there is memory for.
        """
        room = min(self.row.max_tokens - self._said, self._longest - len(self._context))
        if room < 1:
            raise grown_out(self._said)
        proposals = self._proposer.propose(self._context, min(self._model.draft_tokens, room - 1), self._draw)
        logits = self._pass(mx.concatenate([mx.array(self._context[-1:], mx.int32), proposals]))
        taken = 0
        for token, score in self._settled(logits, proposals):
            taken += 1
            self._context.append(token)
            if self._first_token_at is None:
                self._first_token_at = time.monotonic()
            finish = self._finish(token)
            first = self._said == 1
            if finish is not None:
                self._close_pass(proposals.size, taken)
                yield self._last_step(token, finish, score)
                return
            yield RowStep(self.row.row_id, token, score=score, stats=self._stats() if first else None)
        self._close_pass(proposals.size, taken)

    @property
    def _said(self) -> int:
        return len(self._context) - len(self.row.prompt)

    def _pass(self, tokens: mx.array) -> mx.array:
        """[n] -> [n, vocabulary]."""
        logits: mx.array = self._model.network(tokens[None], cache=self._caches)[0]
        self._model.caches.settle(self._caches)
        self._read += tokens.size
        return logits

    def _settled(self, logits: mx.array, proposals: mx.array) -> Iterator[tuple[int, TokenScore | None]]:
        """What the row says at each position, up to the first that is not as proposed.

        Under a constraint each token is drawn when those before it are known and accepted: a grammar cannot go back.
        """
        if self.row.constraint is None:
            yield from self._settled_together(logits, proposals)
            return
        guesses = whole_numbers(proposals)
        for at in range(len(guesses) + 1):
            drawn = self._draw.draw(logits[at], self._said, self._context, self.row.constraint.allowed())
            token = whole_number(drawn.token)
            if token not in self._model.stop_tokens or self.row.ignore_stops:
                self.row.constraint.accept(token)
            yield token, drawn.score()
            if at < len(guesses) and token != guesses[at]:
                return

    def _settled_together(self, logits: mx.array, proposals: mx.array) -> Iterator[tuple[int, TokenScore | None]]:
        """One evaluation for all positions, each drawn as if the proposals before it were right."""
        start, count = self._said, proposals.size
        guesses = whole_numbers(proposals) if self._draw.looks_back else []
        context = [*self._context, *guesses] if self._draw.looks_back else []
        before = len(context) - len(guesses)
        drawn: list[Drawn] = [
            self._draw.draw(logits[at], start + at, context[: before + at]) for at in range(count + 1)
        ]
        mx.eval(proposals, [each.arrays for each in drawn])
        guesses = whole_numbers(proposals)
        for at, each in enumerate(drawn):
            token = whole_number(each.token)
            yield token, each.score()
            if at < count and token != guesses[at]:
                return

    def _close_pass(self, proposed: int, taken: int) -> None:
        """Take back what was read of wrong guesses. taken: tokens of this pass, of which the last is no guess."""
        self._model.tally.proposed += proposed
        self._model.tally.accepted += taken - 1
        surplus = proposed + 1 - taken
        if surplus > 0:
            trim_prompt_cache(self._caches, surplus)
            self._read -= surplus

    def _finish(self, token: int) -> FinishReason | None:
        if token in self._model.stop_tokens and not self.row.ignore_stops:
            return FinishReason.STOP
        return FinishReason.LENGTH if self._said == self.row.max_tokens else None

    def _last_step(self, token: int, finish: FinishReason, score: TokenScore | None) -> RowStep:
        stopped = finish is FinishReason.STOP
        self._model.prefixes.keep(self._context[: self._read], self._caches, boundary=stopped)
        now = time.monotonic()
        stops = self._count_stops() if self.row.count_stops and stopped else 0
        return RowStep(self.row.row_id, token, finish, score=score, stats=self._stats(now, stops))

    def _stats(self, now: float | None = None, stop_tokens: int = 0) -> RowStats:
        """now: when the last token came; None: it is the first."""
        first = self._first_token_at or now or self._started
        return RowStats(
            cached_tokens=self._cached,
            waiting_seconds=self._waiting_seconds,
            prefill_seconds=first - self._started,
            decode_seconds=0.0 if now is None else now - first,
            peak_memory_bytes=mx.get_peak_memory(),
            stop_tokens=stop_tokens,
            alone=self._model.alone,
        )

    def _count_stops(self) -> int:
        """Go on without any grammar, which has ended, while stop tokens come."""
        count, context = 1, list(self._context)
        while count < MAX_STOPS_COUNTED:
            logits = self._pass(mx.array(context[-1:], mx.int32))
            token = whole_number(self._draw.draw(logits[0], self._draw.position_after(context), context).token)
            if token not in self._model.stop_tokens:
                break
            context.append(token)
            count += 1
        return count


def in_order(rows: Sequence[tuple[EngineRow, float]]) -> list[tuple[EngineRow, float]]:
    """The most urgent first, those that came first before the others."""
    return sorted(rows, key=lambda each: -each[0].urgency.priority)
