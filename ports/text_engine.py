"""The batched decode loop of one loaded text model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import MlxkError
from domain.inference import FinishReason, Sampling


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One request as the engine sees it. prompt: token ids, at least one. max_tokens: at least 1."""

    row_id: int
    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class RowStep:
    """What one step did to one row.

    token: the id drawn, or None when the row failed. finish: set on the row's last step; STOP when `token` is one of
    the model's stop tokens (it is no part of the text), LENGTH when max_tokens are used up; a stop token that is also
    the last one allowed is STOP. error: the row's own fault; the row has left, its neighbours have not noticed.
    """

    row_id: int
    token: int | None
    finish: FinishReason | None = None
    error: MlxkError | None = None


class TextEngine(Protocol):
    """Rows join between steps and leave at the next; all rows decode in one batch.

    Every call from the one thread that made the engine; nothing here blocks on another thread. Greedy rows
    (temperature 0) and seeded rows give the same tokens alone and in any company.
    """

    def admit(self, row: EngineRow) -> None:
        """Queue a row for prefill. Raises GenerationFailed when the row cannot be taken; other rows go on."""

    def cancel(self, row_id: int) -> None:
        """The row takes no part in the next step and reports nothing more. Unknown ids are no error."""

    def step(self) -> Sequence[RowStep]:
        """Prefill a chunk and decode one token for every running row; [] when only prefill was done, or nothing.

        Raises GenerationFailed when the batch as a whole is lost; the engine is then empty and usable.
        """

    @property
    def active_rows(self) -> int:
        """Rows admitted and neither finished, failed nor cancelled."""

    def close(self) -> None:
        """Free the model's memory. Idempotent."""
