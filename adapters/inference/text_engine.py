"""The batched decode loop: our own, over mlx-lm's and mlx-vlm's models and cache classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from adapters.inference.engine.caches import Weight
from adapters.inference.engine.decoding import Decoding
from adapters.inference.engine.memory import pulse_of
from adapters.inference.engine.model import Model
from adapters.inference.engine.pace import Bounds, Pace
from adapters.inference.engine.probe import Probe
from adapters.inference.engine.prompt_scores import refuse_to_score_at_once
from adapters.inference.engine.reading import Manner, Reading
from adapters.inference.engine.rows import Row, marked_prompt
from adapters.inference.engine.seats import Seats, no_room
from adapters.inference.engine.vision import VisionNetwork
from adapters.inference.prefixes import NoPrefixes, Prefixes
from adapters.inference.vocabulary import refuse_pictures, refuse_unknown_tokens
from domain.errors import DeadlineMissed, GenerationFailed, ServerBusy
from domain.serving.cache_check import CacheCheck
from domain.serving.kv_room import KvRoom
from domain.serving.prompt_divergence import Loss, PromptDivergence
from domain.serving.vitals import EnginePulse
from ports.text_codec import PromptMedia
from ports.text_engine import EngineRow, RowStep, TokenScore

BURST_STEPS = 4


class MlxTextEngine:
    """TextEngine over one mlx-lm model, or one of mlx-vlm that was made a VisionNetwork. Every call from the thread
    that made it: MLX streams belong to threads.

    Prompts are read by priority, then first come first served; what a step has read it reports at once, and running
    rows decode at least every Pace.step_seconds, or a chunk later, and after each picture that was encoded. A fault
    inside a step costs the caches of the rows it touched, never the rows: they are read in again from their tokens and
    decode alone until each has shown that it was not the cause.

    Invariant: a row in `_rows` is in `_reading` until its first token is drawn, then in `_decoding`.
    """

    def __init__(
        self,
        model: Any,
        stop_tokens: frozenset[int],
        bounds: Bounds | None = None,
        prefixes: Prefixes | None = None,
        make_caches: Callable[[], list[Any]] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """prefixes: what is remembered of prompts; None: nothing. make_caches: for a single row, one a layer; None: as
        the model wants them. What the model can do in a batch is tried out when a second row comes.
        """
        self._pace = pace or Pace()
        self._bounds = bounds or Bounds()
        self._rows: dict[int, Row] = {}
        self._prefixes = _usable(prefixes, model)
        make_caches = make_caches or (lambda: make_prompt_cache(model))
        self._probe = Probe(model, make_caches, self._pace.step_seconds)
        self._model = Model(model, make_caches, stop_tokens, self._probe.vocabulary)
        self._weights_bytes = mx.get_active_memory()
        manner = Manner(self._chunk_tokens, lambda: self._probe.together, self._pace.clock)
        self._seats = Seats(self._room, self._rows)
        self._reading = Reading(self._model, self._prefixes, manner, self._seats)
        self._decoding = Decoding(Weight(make_caches()), self._prefixes)
        self._arrivals = 0
        self._news: list[RowStep] = []
        self._decoded_at = self._pace.clock()
        mx.clear_cache()

    @property
    def active_rows(self) -> int:
        return len(self._rows)

    def admit(self, row: EngineRow) -> None:
        refuse_unknown_tokens(row, self._model.vocabulary)
        refuse_pictures(row, self._model.eyes is not None)
        refusal = self._seats.refusal(row)
        if refusal is not None:
            raise refusal
        if row.score_prompt is not None:
            refuse_to_score_at_once(self._model.first_pass(row))
        if len(self._reading) >= self._bounds.max_waiting:
            raise ServerBusy(f"{len(self._reading):,} requests are waiting already", hint="ask again in a moment")
        alone = self._probe.alone if self._rows else self._probe.alone_by_kind
        for other in self._rows.values():
            other.alone = alone
        self._arrivals += 1
        self._rows[row.row_id] = Row(row, self._arrivals, self._pace.clock(), alone=alone)
        self._reading.add(self._rows[row.row_id], by_itself=row.media is not None)

    def cancel(self, row_id: int) -> None:
        row = self._rows.pop(row_id, None)
        if row is not None:
            row.drop()
            self._drop_done()

    def step(self) -> Sequence[RowStep]:
        self._news = []
        self._expire()
        if not self._decoding.rows:
            self._decoded_at = self._pace.clock()
        if not self._read_a_chunk() or self._reading.encoded or self._pace.clock() - self._decoded_at >= self._patience:
            self._tell(self._decoding.step(self._hear))
            self._decoded_at = self._pace.clock()
            self._read_in_again()
            self._make_room()
        self._tell_of_failures()
        if self._news and not self._rows:
            mx.clear_cache()
        return self._news

    def pulse(self) -> EnginePulse:
        if self._model is None:
            return EnginePulse()
        reading, at_once = len(self._reading), self._probe.pass_seconds(self._reading.most_at_once)
        longest = max(self._pace.step_seconds, self._probe.chunk_seconds, at_once)
        return pulse_of(self._prefixes, running=len(self._rows) - reading, reading=reading, step_seconds=longest)

    def explain(self, prompt: tuple[int, ...], media: PromptMedia | None = None) -> PromptDivergence:
        found = self._prefixes.explain(marked_prompt(prompt, media))
        eyes = None if self._model is None else self._model.eyes
        if eyes is not None and found.reusable_tokens < eyes.first_pass(prompt, media):
            return replace(found, reusable_tokens=0, loss=Loss.NO_SNAPSHOT if found.reusable_tokens else found.loss)
        return found

    def idle(self) -> CacheCheck | None:
        if self._model is None or self._rows:
            return None
        check = self._prefixes.idle_check(self._model.network)
        mx.clear_cache()
        return check

    def learn(self) -> None:
        self._probe.all()

    def close(self) -> None:
        if self._model is None:
            return
        self._rows.clear()
        self._reading.clear()
        self._decoding.clear()
        self._prefixes.close()
        if self._model.eyes is not None:
            self._model.eyes.encodings.clear()
        self._model = self._probe = self._reading = self._decoding = None  # type: ignore[assignment]
        mx.clear_cache()

    @property
    def _patience(self) -> float:
        """How long rows may wait for those that are being read. Where all have only just begun, a burst is read first:
        steps of a batch half full cost what whole ones do.
        """
        return self._pace.step_seconds * (1 if self._decoding.running else BURST_STEPS)

    def _chunk_tokens(self, length: int) -> int:
        return self._pace.chunk_tokens or self._probe.chunk_tokens(length)

    def _read_a_chunk(self) -> bool:
        """Read what is next; whether there is more to read before rows decode."""
        room = self._bounds.max_rows - self._decoding.rows
        if not len(self._reading) or room <= 0:
            return False
        started, news = self._reading.read(room)
        self._tell(news)
        if self._reading.blocked:
            return False
        if started is not None:
            self._tell(started.failed)
            for row, token, score in started.told:
                self._hear(row, token, score)
            self._decoding.join(started.batch)
            room -= len(started.told)
        return len(self._reading) > 0 and room > 0

    def _hear(self, row: Row, token: int, score: TokenScore | None) -> None:
        if row.done:
            return
        step = row.hear(token, score, self._model.stops, self._pace.clock())
        if step is not None:
            self._tell([step])

    def _tell(self, steps: Sequence[RowStep]) -> None:
        self._news += steps
        for step in steps:
            if step.finish is not None or step.error is not None:
                del self._rows[step.row_id]

    def _tell_of_failures(self) -> None:
        """Of rows that are done without a word: what failed them came in a pass that broke too."""
        for row in [row for row in self._rows.values() if row.done]:
            self._tell([RowStep(row.row_id, None, error=row.error or GenerationFailed("the engine lost this row"))])

    def _read_in_again(self) -> None:
        for row in self._decoding.lost:
            self._reading.add(row, by_itself=True)
        self._decoding.lost.clear()

    def _make_room(self) -> None:
        """Rows that have grown past what was kept for them move on; where that is too much, the newest go back to the
        queue and are read in again from their tokens.
        """
        sent_back, hopeless = self._seats.crowded_out(self._decoding.all_rows())
        for row in sent_back:
            if self._decoding.take_out(row):
                self._reading.add(row, by_itself=True)
            else:
                self._reading.put_back(row)
        for row in hopeless:
            self._tell([row.fail(no_room(row))])
        if hopeless:
            self._drop_done()

    def _room(self) -> KvRoom:
        """What is left for caches beside the weights, encoded pictures, and the work of one step."""
        limit = self._bounds.memory_bytes
        if limit is not None:
            encodings = 0 if self._model.eyes is None else self._model.eyes.encodings.reserved_bytes
            limit = max(0, limit - self._weights_bytes - self._probe.work_bytes - encodings)
        return KvRoom(limit, self._probe.row)

    def _expire(self) -> None:
        now = self._pace.clock()
        overdue = [row for row in self._rows.values() if row.overdue(now)]
        for row in overdue:
            limit = row.asked.urgency.deadline_seconds
            self._tell([row.fail(DeadlineMissed(f"not done within its deadline of {limit:g} s"))])
        if overdue:
            self._drop_done()

    def _drop_done(self) -> None:
        self._reading.drop_done()
        self._decoding.drop_done()
        if not self._rows:
            mx.clear_cache()


def _usable(prefixes: Prefixes | None, model: Any) -> Prefixes:
    """Nothing is remembered where each prompt is read as one: its beginning is worth nothing to another."""
    if prefixes is not None and isinstance(model, VisionNetwork) and model.whole_prompts:
        prefixes.close()
        return NoPrefixes()
    return prefixes or NoPrefixes()
