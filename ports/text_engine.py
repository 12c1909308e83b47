"""The batched decode loop of one loaded text model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.errors import MlxkError
from domain.inference import FinishReason, Sampling, Urgency
from domain.serving.cache_check import CacheCheck
from domain.serving.prompt_divergence import PromptDivergence
from domain.serving.vitals import EnginePulse
from ports.text_codec import PromptMedia
from ports.token_constraint import TokenConstraint


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One request as the engine sees it. prompt: token ids, at least one. max_tokens: at least 1. logprobs: how many of
    the likeliest tokens to report with each, None for no report. anchors: lengths of the prompt, rising, at which a
    turn of the conversation ends: where a cache that cannot be cut short is worth a snapshot. count_stops: go on after
    a stop token to see how many come in a row (RowStats.stop_tokens). ignore_stops: no token is a stop
    token. window: tokens of the answer for which memory is kept from the start, None for all of max_tokens; what grows
    past it may have to wait, and goes on later as if nothing had been. media: what the prompt shows beside its tokens.
    progress: tell after each chunk how far the prompt has been read. score_prompt: report each token of the prompt but
    the first, with so many of the likeliest ones in its place; such a prompt is read whole, whatever is remembered.
    None for no report. only_read: the row ends when its prompt is read (with score_prompt only; max_tokens is then 1).
    """

    row_id: int
    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling
    logprobs: int | None = None
    constraint: TokenConstraint | None = None
    anchors: tuple[int, ...] = ()
    count_stops: bool = False
    ignore_stops: bool = False
    window: int | None = None
    media: PromptMedia | None = None
    progress: bool = False
    score_prompt: int | None = None
    only_read: bool = False
    urgency: Urgency = field(default_factory=Urgency)


@dataclass(frozen=True, slots=True)
class TokenScore:
    """logprob: of the token drawn, or of the prompt's own, by the model itself: before penalties, bias, mask and
    temperature. top: the likeliest tokens with theirs, likeliest first.
    """

    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class RowStats:
    """Of a row, as far as it has come. The seconds as in GenerationReport. cached_tokens: of the prompt, those that
    were not read again. stop_tokens: how many came in a row, 0 when nobody asked. alone: why it shared no batch, None
    if it could.
    """

    cached_tokens: int = 0
    waiting_seconds: float = 0.0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    peak_memory_bytes: int = 0
    stop_tokens: int = 0
    alone: str | None = None


@dataclass(frozen=True, slots=True)
class RowStep:
    """What one step did to one row.

    token: the id drawn, or None when the row failed or has only read on. finish: set on the row's last step; STOP when
    `token` is one of the model's stop tokens (it is no part of the text), LENGTH when max_tokens are used up; a stop
    token that is also the last one allowed is STOP. error: the row's own fault; the row has left, its neighbours have
    not noticed. score: when the row asked for logprobs. stats: on the first step and the last, because a row may be
    called off before its last. read: how many tokens of its prompt a row that asked for progress has read; then there
    is neither token nor error. prompt_scores: of the prompt's next tokens, from its second on, in order; then there is
    no token either. The last step of a row that only reads has no token but `finish` LENGTH.
    """

    row_id: int
    token: int | None
    finish: FinishReason | None = None
    error: MlxkError | None = None
    score: TokenScore | None = None
    stats: RowStats | None = None
    read: int | None = None
    prompt_scores: tuple[TokenScore, ...] = ()


class TextEngine(Protocol):
    """Rows join between steps and leave at the next; all rows decode in one batch.

    Every call from the one thread that made the engine; nothing here blocks on another thread. Greedy rows
    (temperature 0) and seeded rows give the same tokens alone and in any company. A constraint that raises fails its
    own row; so does a deadline that has passed, wherever the row is, with GenerationFailed.
    """

    def admit(self, row: EngineRow) -> None:
        """Queue a row for prefill. Raises GenerationFailed when the row cannot be taken, UnsupportedParameter when this
        model as it was loaded cannot honour what the row asks for, CapabilityMismatch for pictures that it cannot be
        shown, InvalidRequest for a logit_bias of a token that does
        not exist, ServerBusy when too many rows wait; other rows go on.
        """

    def cancel(self, row_id: int) -> None:
        """The row takes no part in the next step and reports nothing more. Unknown ids are no error."""

    def step(self) -> Sequence[RowStep]:
        """Prefill a chunk and decode one token for every running row; [] when only prefill was done, or nothing. A row
        may report several tokens in one step, in order.

        Raises GenerationFailed when the batch as a whole is lost; the engine is then empty and usable.
        """

    def learn(self) -> None:
        """Find out now, while there are no rows and nobody waits, what would hold a row up later; perhaps nothing.
        No answer says anything else for it.
        """

    @property
    def active_rows(self) -> int:
        """Rows admitted and neither finished, failed nor cancelled."""

    def pulse(self) -> EnginePulse:
        """How it is now. Takes no time and changes nothing; never raises."""

    def explain(self, prompt: tuple[int, ...], media: PromptMedia | None = None) -> PromptDivergence:
        """What is remembered of this prompt, and where it leaves that. media: as in EngineRow. Reads nothing, changes
        nothing; rows that run go on as before. Never raises.
        """

    def idle(self) -> CacheCheck | None:
        """For a moment in which there are no rows: compare one remembered prompt with a fresh reading of it, and stop
        using what differs. None when there is nothing to compare. Takes no longer than reading a short prompt does.
        Never raises.
        """

    def close(self) -> None:
        """Free the model's memory. Idempotent."""
