"""The batched decode loop, on mlx-lm's BatchGenerator."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
from mlx_lm.generate import BatchGenerator

from adapters.inference.prefill import Prefill
from adapters.inference.row_sampler import greedy, sampler_for
from domain.errors import GenerationFailed
from domain.inference import FinishReason
from ports.text_engine import EngineRow, RowStep

MAX_ROWS = 32
PREFILL_SECONDS_PER_STEP = 0.25


class MlxTextEngine:
    """TextEngine over one mlx-lm model. Every call from the thread that made it: MLX streams belong to threads.

    Prompts are prefilled here, row by row, first come first served; a row joins the generator with its cache filled and
    one token left. While rows wait, each step spends about PREFILL_SECONDS_PER_STEP on them (one chunk at least) before
    it decodes, so that a long prompt delays running answers but never stops them.

    Invariant: a row is in `_waiting` until it has joined, then in `_joined`, then nowhere.
    """

    def __init__(self, model: Any, stop_tokens: frozenset[int], max_rows: int = MAX_ROWS) -> None:
        self._model = model
        self._stop_tokens = stop_tokens
        self._max_rows = max_rows
        self._stream = mx.default_stream(mx.default_device())
        self._waiting: deque[Prefill] = deque()
        self._joined: dict[int, int] = {}
        self._generator: Any = self._new_generator()

    @property
    def active_rows(self) -> int:
        return len(self._waiting) + len(self._joined)

    def admit(self, row: EngineRow) -> None:
        if not row.prompt:
            raise GenerationFailed("the prompt has no tokens: there is nothing to continue")
        self._waiting.append(Prefill(self._model, row))

    def cancel(self, row_id: int) -> None:
        self._waiting = deque(prefill for prefill in self._waiting if prefill.row.row_id != row_id)
        for uid in [uid for uid, joined in self._joined.items() if joined == row_id]:
            del self._joined[uid]
            self._generator.remove([uid])
        self._free_when_idle()

    def step(self) -> Sequence[RowStep]:
        steps = self._prefill()
        if self._joined:
            try:
                _, responses = self._generator.next()
            except Exception as fault:
                self._drop_everything()
                raise GenerationFailed(f"the engine failed while decoding: {fault}") from fault
            steps += [self._row_step(response) for response in responses]
        self._free_when_idle()
        return steps

    def close(self) -> None:
        if self._model is None:
            return
        self._waiting.clear()
        self._joined.clear()
        self._generator.close()
        self._generator = self._model = None
        mx.clear_cache()

    def _prefill(self) -> list[RowStep]:
        """Read chunks of the oldest waiting prompts and let the finished ones join; the failures among them."""
        failed: list[RowStep] = []
        until = time.monotonic() + PREFILL_SECONDS_PER_STEP
        while self._waiting and len(self._joined) < self._max_rows:
            prefill = self._waiting[0]
            try:
                prefill.advance()
                if prefill.complete:
                    self._join(prefill)
                    self._waiting.popleft()
            except Exception as fault:  # noqa: BLE001 - translated: the row fails with its cause, its neighbours go on
                self._waiting.popleft()
                failed.append(_failed(prefill.row, fault))
            if time.monotonic() >= until:
                break
        return failed

    def _join(self, prefill: Prefill) -> None:
        row = prefill.row
        (uid,) = self._generator.insert_segments(
            [[[row.prompt[-1]]]],
            max_tokens=[row.max_tokens],
            caches=[prefill.cache],
            samplers=[sampler_for(row.sampling)],
        )
        self._joined[uid] = row.row_id

    def _row_step(self, response: Any) -> RowStep:
        finish = None if response.finish_reason is None else FinishReason(response.finish_reason)
        row_id = self._joined[response.uid] if finish is None else self._joined.pop(response.uid)
        return RowStep(row_id, response.token, finish)

    def _new_generator(self) -> Any:
        return BatchGenerator(
            self._model,
            stop_tokens=[[token] for token in sorted(self._stop_tokens)],
            sampler=greedy,
            completion_batch_size=self._max_rows,
            prefill_batch_size=self._max_rows,
            stream=self._stream,
        )

    def _drop_everything(self) -> None:
        """A fresh generator: what a fault left half done in the old one is never touched again."""
        self._waiting.clear()
        self._joined.clear()
        self._generator.close()
        self._generator = self._new_generator()
        mx.clear_cache()

    def _free_when_idle(self) -> None:
        if not self.active_rows:
            mx.clear_cache()


def _failed(row: EngineRow, fault: Exception) -> RowStep:
    error = GenerationFailed(f"the engine failed on a prompt of {len(row.prompt):,} tokens: {fault}")
    error.__cause__ = fault
    return RowStep(row.row_id, None, error=error)
