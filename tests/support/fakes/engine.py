"""An engine that says what it was told to say, one token a step."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.errors import DeadlineMissed, GenerationFailed, MlxkError
from domain.inference import FinishReason
from domain.serving.cache_check import CacheCheck
from domain.serving.prompt_divergence import Loss, PromptDivergence, divergence
from domain.serving.vitals import EnginePulse
from ports.text_codec import PromptMedia
from ports.text_engine import EngineRow, RowStats, RowStep, TokenScore
from tests.support.fakes.codec import END

Script = Callable[[EngineRow], Sequence[int]]


def says(text: str) -> Script:
    """Every row answers with this text."""
    return lambda _row: tuple(text.encode())


def babbles(row: EngineRow) -> tuple[int, ...]:
    """512 letters that depend on the prompt, and on the seed unless the row is greedy."""
    seed = None if row.sampling.greedy else row.sampling.seed
    found = hashlib.shake_128(repr((row.prompt, seed)).encode()).digest(512)
    return tuple(ord("a") + byte % 26 for byte in found)


@dataclass
class _Row:
    asked: EngineRow
    said: list[int] = field(default_factory=list)
    read: bool = False
    begun_at: float = field(default_factory=time.monotonic)


@dataclass
class ScriptedEngine:
    """TextEngine. A row's script is its answer; when it is used up the row says a stop token. Where a
    constraint does not allow the script's token, the row says the first one that it allows.

    Knobs: refuse (row ids that `admit` refuses), fail_rows (row id: tokens it says before it fails), lose_batch_at and
    crash_at (numbers of steps, from 1), gate (when given, each step waits for it to be set).
    step_seconds: what `pulse` says.
    What happened: closed, learned (times it was told to), steps, idle_steps (with no rows), batches (rows decoded in
    each step), cancelled, threads (that called in).

    Every prompt that was admitted is remembered. checks: what `idle` finds, one each time; idle_gate: when given, it
    waits for it; idles: how many rows there were each time it was called.
    """

    script: Script = babbles
    stop_tokens: frozenset[int] = frozenset({END})
    refuse: frozenset[int] = frozenset()
    fail_rows: dict[int, int] = field(default_factory=dict)
    lose_batch_at: int = 0
    crash_at: int = 0
    gate: threading.Event | None = None
    step_seconds: float = 0.0
    learned: int = 0
    closed: bool = False
    steps: int = 0
    idle_steps: int = 0
    batches: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    checks: list[CacheCheck] = field(default_factory=list)
    idle_gate: threading.Event | None = None
    idles: list[int] = field(default_factory=list)
    _remembered: list[tuple[int, ...]] = field(default_factory=list)
    _rows: dict[int, _Row] = field(default_factory=dict)

    @property
    def active_rows(self) -> int:
        return len(self._rows)

    def admit(self, row: EngineRow) -> None:
        self.threads.add(threading.current_thread().name)
        if not row.prompt or row.row_id in self.refuse:
            raise GenerationFailed("the engine does not take this row")
        self._rows[row.row_id] = _Row(row)
        self._remembered.append(row.prompt)

    def learn(self) -> None:
        self.threads.add(threading.current_thread().name)
        assert not self._rows
        self.learned += 1

    def cancel(self, row_id: int) -> None:
        self.threads.add(threading.current_thread().name)
        self.cancelled.append(row_id)
        self._rows.pop(row_id, None)

    def step(self) -> Sequence[RowStep]:
        self.threads.add(threading.current_thread().name)
        if not self._rows:
            self.idle_steps += 1
            return []
        if self.gate is not None:
            self.gate.wait()
        self.steps += 1
        self.batches.append(len(self._rows))
        if self.steps == self.crash_at:
            raise SystemError("the engine is beyond help")
        if self.steps == self.lose_batch_at:
            self._rows.clear()
            raise GenerationFailed("the batch is lost")
        steps = [step for row in self._rows.values() for step in self._row_steps(row)]
        for step in steps:
            if step.finish is not None or step.error is not None:
                del self._rows[step.row_id]
        return steps

    def pulse(self) -> EnginePulse:
        self.threads.add(threading.current_thread().name)
        reading = sum(not row.said for row in self._rows.values())
        return EnginePulse(len(self._rows) - reading, reading, self.step_seconds, active_bytes=1, prefix_ram_bytes=0)

    def explain(self, prompt: tuple[int, ...], media: PromptMedia | None = None) -> PromptDivergence:
        self.threads.add(threading.current_thread().name)
        return divergence(prompt, self._remembered, 0, Loss.FORGOTTEN)

    def idle(self) -> CacheCheck | None:
        self.threads.add(threading.current_thread().name)
        self.idles.append(len(self._rows))
        if self.idle_gate is not None:
            self.idle_gate.wait()
        return self.checks.pop(0) if self.checks else None

    def close(self) -> None:
        self.closed = True
        self._rows.clear()

    def _row_steps(self, row: _Row) -> list[RowStep]:
        told = [] if row.read else _of_prompt(row.asked)
        row.read = True
        return told if row.asked.only_read else [*told, self._row_step(row)]

    def _row_step(self, row: _Row) -> RowStep:
        asked, said = row.asked, row.said
        limit = asked.urgency.deadline_seconds
        if limit is not None and time.monotonic() - row.begun_at >= limit:
            return RowStep(asked.row_id, None, error=DeadlineMissed(f"not done within its deadline of {limit:g} s"))
        if self.fail_rows.get(asked.row_id) == len(said):
            return RowStep(asked.row_id, None, error=GenerationFailed("this row has failed"))
        try:
            token = self._next(row)
            finish = self._finish(asked, token, len(said))
            if asked.constraint is not None and finish is None:
                asked.constraint.accept(token)
        except Exception as fault:  # noqa: BLE001 - a grammar's fault is its row's
            error = fault if isinstance(fault, MlxkError) else GenerationFailed(f"{type(fault).__name__}: {fault}")
            return RowStep(asked.row_id, None, error=error)
        stats = RowStats() if len(said) == 1 else None
        if finish is not None:
            stats = RowStats(stop_tokens=self._stops_from(row) if asked.count_stops else 0)
        return RowStep(asked.row_id, token, finish, score=_score(asked, token), stats=stats)

    def _next(self, row: _Row) -> int:
        token = self._scripted(row.asked, len(row.said))
        allowed = None if row.asked.constraint is None else row.asked.constraint.allowed()
        if allowed is not None and not allowed[token // 8] >> token % 8 & 1:
            token = next(each for each in range(8 * len(allowed)) if allowed[each // 8] >> each % 8 & 1)
        row.said.append(token)
        return token

    def _scripted(self, asked: EngineRow, at: int) -> int:
        script = self.script(asked)
        return script[at] if at < len(script) else min(self.stop_tokens, default=END)

    def _finish(self, asked: EngineRow, token: int, said: int) -> FinishReason | None:
        if token in self.stop_tokens:
            return FinishReason.STOP
        return FinishReason.LENGTH if said == asked.max_tokens else None

    def _stops_from(self, row: _Row) -> int:
        last = len(row.said) - 1
        following = [self._scripted(row.asked, at) in self.stop_tokens for at in range(last, last + 8)]
        return (*following, False).index(False)


def _of_prompt(asked: EngineRow) -> list[RowStep]:
    told = [RowStep(asked.row_id, None, read=len(asked.prompt))] if asked.progress else []
    if asked.score_prompt is not None and len(asked.prompt) > 1:
        scores = tuple(_half_of_all(token, asked.score_prompt) for token in asked.prompt[1:])
        told.append(RowStep(asked.row_id, None, prompt_scores=scores))
    if asked.only_read:
        told.append(RowStep(asked.row_id, None, FinishReason.LENGTH, stats=RowStats()))
    return told


def _score(asked: EngineRow, token: int) -> TokenScore | None:
    return None if asked.logprobs is None else _half_of_all(token, asked.logprobs)


def _half_of_all(token: int, top: int) -> TokenScore:
    """The token itself holds half of the mass, its neighbours half of the rest each."""
    return TokenScore(-math.log(2.0), tuple((token + at, -(at + 1) * math.log(2.0)) for at in range(top)))
