"""One request on its way through the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

import mlx.core as mx

from domain.errors import GenerationFailed, MlxkError
from domain.inference import FinishReason
from domain.serving.picture_tokens import marked
from ports.text_codec import PromptMedia
from ports.text_engine import EngineRow, RowStats, RowStep, TokenScore
from ports.token_constraint import TokenConstraint

# A model that says its stop token over and over is faulty; more of them tell nothing more.
MAX_STOPS_COUNTED = 8


@dataclass(slots=True, eq=False)
class Row:
    """said: the answer so far, as far as it has been read. drawn: tokens drawn, of which the last may still be unread.
    done: takes part in nothing any more; failed: nor are its caches worth keeping. steps_alone: has been part of a
    fault, and decodes alone for so many more steps, to show that it was not the cause. held: the last step, kept back
    while stop tokens are counted. reach: the length for which memory is kept, 0 without a seat.
    error: what failed it. scored: how many scores of its prompt have been told. shift: by how much its positions differ
    from the count of its tokens once its prompt has been read; pictures have positions of their own.
    """

    asked: EngineRow
    arrival: int
    admitted_at: float
    alone: str | None = None
    said: list[int] = field(default_factory=list)
    drawn: int = 0
    done: bool = False
    failed: bool = False
    steps_alone: int = 0
    started_at: float | None = None
    first_at: float | None = None
    cached_tokens: int = 0
    held: RowStep | None = None
    stop_tokens: int = 0
    reach: int = 0
    error: MlxkError | None = None
    scored: int = 0
    shift: int = 0
    _marked_prompt: tuple[int, ...] = ()

    @property
    def row_id(self) -> int:
        return self.asked.row_id

    @property
    def known(self) -> tuple[int, ...]:
        """The prompt and what has been said: what a new cache would have to read."""
        return (*self.asked.prompt, *self.said)

    @property
    def marked(self) -> tuple[int, ...]:
        """The same as the memory of prompts knows it: tokens of pictures stand for those pictures."""
        if not self._marked_prompt:
            self._marked_prompt = marked_prompt(self.asked.prompt, self.asked.media)
        return (*self._marked_prompt, *self.said)

    @property
    def length(self) -> int:
        return len(self.asked.prompt) + len(self.said)

    @property
    def order(self) -> tuple[int, int]:
        """Whose turn it is: the smaller first."""
        return -self.asked.urgency.priority, self.arrival

    @property
    def last_is_drawn(self) -> bool:
        """Whatever the unread token is, it is the answer's last."""
        return self.drawn >= self.asked.max_tokens and not self.asked.count_stops

    @property
    def constraint(self) -> TokenConstraint | None:
        """The grammar that its next token must keep to."""
        return None if self.done or self.held is not None else self.asked.constraint

    @property
    def scores_prompt(self) -> bool:
        """Its prompt is to be read whole, for the scores of its tokens."""
        return self.asked.score_prompt is not None and not self.said

    def end_of_prompt(self, now: float) -> RowStep:
        """The last step of a row that only reads."""
        return self._end(RowStep(self.row_id, None, FinishReason.LENGTH), now)

    def overdue(self, now: float) -> bool:
        limit = self.asked.urgency.deadline_seconds
        return limit is not None and now - self.admitted_at >= limit

    def hear(self, token: int, score: TokenScore | None, stops: frozenset[int], now: float) -> RowStep | None:
        """Take the next token of the answer; what there is to report of it."""
        if self.held is not None:
            return self._count(self.held, token in stops, now)
        first = self.first_at is None
        if first:
            self.first_at = now
        self.said.append(token)
        if token in stops and not self.asked.ignore_stops:
            last = RowStep(self.row_id, token, FinishReason.STOP, score=score)
            if not self.asked.count_stops:
                return self._end(last, now)
            self.held = last
            return self._count(last, True, now)  # noqa: FBT003
        if len(self.said) >= self.asked.max_tokens:
            return self._end(RowStep(self.row_id, token, FinishReason.LENGTH, score=score), now)
        return self._accept(RowStep(self.row_id, token, score=score, stats=self._stats(now) if first else None))

    def fail(self, error: MlxkError) -> RowStep:
        """The row's own fault: it is done."""
        self.error = error
        self.drop()
        return RowStep(self.row_id, None, error=error)

    def drop(self) -> None:
        """It is wanted no more."""
        self.done = self.failed = True

    def _accept(self, step: RowStep) -> RowStep:
        if self.asked.constraint is not None and step.token is not None:
            try:
                self.asked.constraint.accept(step.token)
            except Exception as fault:  # noqa: BLE001 - translated: a grammar's fault is its own row's
                return self.fail(constraint_failed(fault))
        return step

    def _count(self, last: RowStep, is_stop: bool, now: float) -> RowStep | None:
        self.stop_tokens += is_stop
        going_on = is_stop and self.stop_tokens < MAX_STOPS_COUNTED
        return None if going_on else self._end(last, now)

    def _end(self, step: RowStep, now: float) -> RowStep:
        self.done = True
        return RowStep(step.row_id, step.token, step.finish, score=step.score, stats=self._stats(now))

    def _stats(self, now: float) -> RowStats:
        started = self.admitted_at if self.started_at is None else self.started_at
        first = now if self.first_at is None else self.first_at
        return RowStats(
            cached_tokens=self.cached_tokens,
            waiting_seconds=started - self.admitted_at,
            prefill_seconds=first - started,
            decode_seconds=now - first,
            peak_memory_bytes=mx.get_peak_memory(),
            stop_tokens=self.stop_tokens,
            alone=self.alone,
        )


def marked_prompt(prompt: tuple[int, ...], media: PromptMedia | None) -> tuple[int, ...]:
    """As Prefixes takes it."""
    if media is None:
        return prompt
    return marked(prompt, [(picture.start, picture.end, picture.digest) for picture in media.pictures])


def constraint_failed(fault: Exception) -> MlxkError:
    """A grammar's fault as its row's error."""
    if isinstance(fault, MlxkError):
        return fault
    error = GenerationFailed(f"the answer's required form could not be kept: {type(fault).__name__}: {fault}")
    error.__cause__ = fault
    return error
