"""The decode loop for what cannot be batched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import mlx.core as mx

from adapters.inference.engine.memory import pulse_of, untried_seconds
from adapters.inference.engine.pace import MAX_WAITING
from adapters.inference.engine.rows import marked_prompt
from adapters.inference.engine.seats import Seats
from adapters.inference.prefixes import NoPrefixes
from adapters.inference.solo.row import SoloModel, SoloRow, Tally, in_order
from adapters.inference.vocabulary import refuse_pictures, refuse_unknown_tokens, vocabulary_size
from domain.errors import DeadlineMissed, GenerationFailed, MlxkError, ServerBusy
from domain.serving.cache_check import CacheCheck
from domain.serving.kv_room import KvRoom, RowBytes
from domain.serving.prompt_divergence import PromptDivergence
from domain.serving.vitals import EnginePulse
from ports.text_codec import PromptMedia
from ports.text_engine import EngineRow, RowStep

PREFILL_SECONDS_PER_STEP = 0.25

BOUNDLESS = KvRoom(None, RowBytes(0))


class SoloEngine:
    """TextEngine that serves one row at a time: the one of highest priority, among equals the one that came first. It
    keeps its place until it ends; the others wait. Every call from the thread that made it.

    A fault is always the row's own, for there is no other in the pass.
    """

    def __init__(self, model: SoloModel, room: KvRoom = BOUNDLESS, max_waiting: int = MAX_WAITING) -> None:
        """room: for the caches of the one row. max_waiting: rows that may wait for their turn."""
        self._vocabulary = vocabulary_size(model.network)
        stops = frozenset(token for token in model.stop_tokens if token < self._vocabulary)
        self._model: SoloModel | None = replace(model, stop_tokens=stops)
        self._room = room
        self._seats = Seats(lambda: room, {})
        self._max_waiting = max_waiting
        self._waiting: list[tuple[EngineRow, float]] = []
        self._current: SoloRow | None = None
        self._current_arrived = 0.0
        self._step_seconds = max(PREFILL_SECONDS_PER_STEP, untried_seconds())

    @property
    def active_rows(self) -> int:
        return len(self._waiting) + (self._current is not None)

    @property
    def tally(self) -> Tally:
        """How good the guesses were, of all rows so far."""
        return Tally() if self._model is None else self._model.tally

    def learn(self) -> None:
        """Nothing: no row has company."""

    def admit(self, row: EngineRow) -> None:
        refuse_unknown_tokens(row, self._vocabulary)
        refuse_pictures(row, sees=False)
        refusal = self._seats.refusal(row)
        if refusal is not None:
            raise refusal
        if len(self._waiting) >= self._max_waiting:
            raise ServerBusy(f"{len(self._waiting):,} requests are waiting already", hint="ask again in a moment")
        self._waiting = in_order([*self._waiting, (row, time.monotonic())])

    def cancel(self, row_id: int) -> None:
        self._waiting = [each for each in self._waiting if each[0].row_id != row_id]
        if self._current is not None and self._current.row.row_id == row_id:
            self._leave()

    def step(self) -> Sequence[RowStep]:
        steps = self._overdue()
        if self._current is None and self._waiting:
            self._current, failed = self._seated(*self._waiting.pop(0))
            steps += failed
        if self._current is not None:
            steps += self._advanced(self._current)
        return steps

    def pulse(self) -> EnginePulse:
        prefixes = NoPrefixes() if self._model is None else self._model.prefixes
        running = int(self._current is not None and self._current.ready)
        return pulse_of(prefixes, running=running, reading=self.active_rows - running, step_seconds=self._step_seconds)

    def explain(self, prompt: tuple[int, ...], media: PromptMedia | None = None) -> PromptDivergence:
        prefixes = NoPrefixes() if self._model is None else self._model.prefixes
        return prefixes.explain(marked_prompt(prompt, media))

    def idle(self) -> CacheCheck | None:
        if self._model is None or self.active_rows:
            return None
        check = self._model.prefixes.idle_check(self._model.network)
        mx.clear_cache()
        return check

    def close(self) -> None:
        if self._model is None:
            return
        self._model.prefixes.close()
        self._waiting = []
        self._current = self._model = None
        mx.clear_cache()

    def _seated(self, row: EngineRow, arrived: float) -> tuple[SoloRow | None, list[RowStep]]:
        if self._model is None:
            return None, []
        self._current_arrived = arrived
        try:
            longest = self._room.longest(len(row.prompt) + row.max_tokens)
            return SoloRow(row, self._model, longest, time.monotonic() - arrived), []
        except Exception as fault:  # noqa: BLE001 - translated: the row fails with its cause, the others go on
            return None, [_failed(row, fault)]

    def _advanced(self, current: SoloRow) -> list[RowStep]:
        """Chunks of the prompt for a while, then, when it is read, one pass."""
        steps: list[RowStep] = []
        until = time.monotonic() + PREFILL_SECONDS_PER_STEP
        try:
            while not current.ready:
                current.read()
                steps += current.news()
                if not current.ready and time.monotonic() >= until:
                    return steps
            if current.row.only_read:
                steps += [] if steps else current.news()
            else:
                for step in current.decode():
                    steps.append(step)
        except Exception as fault:  # noqa: BLE001 - translated: the row fails with its cause, the others go on
            steps.append(_failed(current.row, fault))
        if steps[-1].finish is not None or steps[-1].error is not None:
            self._leave()
        return steps

    def _overdue(self) -> list[RowStep]:
        """The rows whose time is up, as failures; they are gone."""
        now = time.monotonic()
        rows = list(self._waiting)
        if self._current is not None:
            rows.append((self._current.row, self._current_arrived))
        late = [row for row, arrived in rows if (limit := row.urgency.deadline_seconds) and now - arrived >= limit]
        for row in late:
            self.cancel(row.row_id)
        return [
            _failed(row, DeadlineMissed(f"not done within its deadline of {row.urgency.deadline_seconds:g} s"))
            for row in late
        ]

    def _leave(self) -> None:
        self._current = None
        mx.clear_cache()


def _failed(row: EngineRow, fault: Exception) -> RowStep:
    if isinstance(fault, MlxkError):
        return RowStep(row.row_id, None, error=fault)
    error = GenerationFailed(f"the engine failed on a prompt of {len(row.prompt):,} tokens: {fault}")
    error.__cause__ = fault
    return RowStep(row.row_id, None, error=error)
