"""An engine that says what it was told to say, one token a step."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.errors import GenerationFailed
from domain.inference import FinishReason
from ports.text_engine import EngineRow, RowStep
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
class ScriptedEngine:
    """TextEngine. A row's script is its answer; when it is used up the row says a stop token.

    Knobs: refuse (row ids that `admit` refuses), fail_rows (row id: tokens it says before it fails), lose_batch_at and
    crash_at (numbers of steps, from 1), gate (when given, each step waits for it to be set).
    What happened: steps, idle_steps (with no rows), batches (rows decoded in each step), cancelled, threads (that
    called in).
    """

    script: Script = babbles
    stop_tokens: frozenset[int] = frozenset({END})
    refuse: frozenset[int] = frozenset()
    fail_rows: dict[int, int] = field(default_factory=dict)
    lose_batch_at: int = 0
    crash_at: int = 0
    gate: threading.Event | None = None
    steps: int = 0
    idle_steps: int = 0
    batches: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    _rows: dict[int, tuple[EngineRow, list[int]]] = field(default_factory=dict)

    @property
    def active_rows(self) -> int:
        return len(self._rows)

    def admit(self, row: EngineRow) -> None:
        self.threads.add(threading.current_thread().name)
        if not row.prompt or row.row_id in self.refuse:
            raise GenerationFailed("the engine does not take this row")
        self._rows[row.row_id] = (row, [])

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
        return [self._row_step(row, said) for row, said in list(self._rows.values())]

    def close(self) -> None:
        self._rows.clear()

    def _row_step(self, row: EngineRow, said: list[int]) -> RowStep:
        if self.fail_rows.get(row.row_id) == len(said):
            del self._rows[row.row_id]
            return RowStep(row.row_id, None, error=GenerationFailed("this row has failed"))
        script = self.script(row)
        token = script[len(said)] if len(said) < len(script) else min(self.stop_tokens, default=END)
        said.append(token)
        finish = None
        if token in self.stop_tokens:
            finish = FinishReason.STOP
        elif len(said) == row.max_tokens:
            finish = FinishReason.LENGTH
        if finish is not None:
            del self._rows[row.row_id]
        return RowStep(row.row_id, token, finish)
