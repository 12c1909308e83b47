"""One answer, from tokens to events."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from domain.errors import GenerationFailed, MlxkError
from domain.inference import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    PromptDelta,
    PromptProgress,
    Sampling,
    ScoredToken,
    TextDelta,
    TokenLogprob,
    Usage,
)
from domain.inference.transcript import Transcript
from domain.inference.transcript_output import AnswerDelta
from ports.text_codec import TokenDecoder
from ports.text_engine import RowStats, RowStep, TokenScore

REPORTED_TOKENS = 3


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What is known of an answer before it begins. sampling, max_tokens: in force. declared_stops: as in TextCodec.
    tells_stops: a stop token is scored too, where it has no text: every token that was counted has its score.
    """

    prompt_tokens: int
    sampling: Sampling
    max_tokens: int
    declared_stops: frozenset[int] = frozenset()
    tells_stops: bool = False


class Echo(Protocol):
    """application.inference.prompt_echo.PromptEcho."""

    @property
    def pending(self) -> bool: ...

    def tell(self, scores: Sequence[TokenScore] = ()) -> PromptDelta: ...


@dataclass(frozen=True, slots=True)
class TokenReader:
    """decoder: a fresh one. token_bytes: as in TextCodec."""

    decoder: TokenDecoder
    token_bytes: Callable[[int], bytes]

    def scored(self, token: int, logprob: float) -> ScoredToken:
        raw = self.token_bytes(token)
        return ScoredToken(raw.decode(errors="replace"), raw, logprob)


class AnswerText:
    """Turns one row's steps into events. One owner; no step may follow once `finished` is true.

    Logprobs go with the first piece of text that holds anything of their token; tokens of thoughts, calls, marks and
    stop strings have none. A token belongs to a thought when its text begins inside of it, marks included.
    clock: monotonic seconds, for answers that end before the engine says so.
    """

    def __init__(
        self,
        reader: TokenReader,
        transcript: Transcript,
        facts: AnswerFacts,
        clock: Callable[[], float],
        echo: Echo | None = None,
    ) -> None:
        """echo: of the prompt, to be told before the answer."""
        self._reader = reader
        self._echo = echo
        self._decoder = reader.decoder
        self._transcript = transcript
        self._facts = facts
        self._clock = clock
        self._first_at = 0.0
        self._written = 0  # characters
        self._begins: list[int] = []  # of each token, the character at which its text begins
        self._scores: deque[tuple[int, int, int, TokenScore]] = deque()  # from, to, token
        self._last: deque[int] = deque(maxlen=REPORTED_TOKENS)
        self._stats: RowStats | None = None
        self.finished = False

    def add(self, step: RowStep) -> Sequence[GenerationEvent]:
        """The events of one more step: of what is read of the prompt, then of the answer."""
        if step.token is not None and self._echo is None:
            return self._token(step.token, step)
        events = self._of_prompt(step)
        if step.token is not None:
            events += self._token(step.token, step)
        elif step.finish is not None:
            self._stats = step.stats
            events += self._end(step.finish)
        elif step.read is None and not step.prompt_scores:
            raise ValueError("a step that tells nothing")
        return events

    def _of_prompt(self, step: RowStep) -> list[GenerationEvent]:
        events: list[GenerationEvent] = []
        if step.read is not None:
            events.append(PromptProgress(step.read, self._facts.prompt_tokens))
        if self._echo is not None and (step.prompt_scores or (step.read is None and self._echo.pending)):
            told = self._echo.tell(step.prompt_scores)
            events += [told] if told.text or told.logprobs else []
        return events

    def _token(self, token: int, step: RowStep) -> Sequence[GenerationEvent]:
        """A stop token counts but is no text; a stop string, or the one call that was wanted, ends the answer here."""
        finish = step.finish
        if not self._begins:
            self._first_at = self._clock()
        if step.stats is not None:
            self._stats = step.stats
        begin = self._written
        self._begins.append(begin)
        self._last.append(token)
        events: Sequence[GenerationEvent] = ()
        if finish is not FinishReason.STOP:
            text = self._decoder.add(token)
            if step.score is not None:
                self._scores.append((begin, begin + len(text), token, step.score))
            events = self._feed(text)
        if finish is None and not self._transcript.ended:
            return events
        return [*events, *self._end(finish, step.score)]

    def _feed(self, text: str) -> Sequence[AnswerDelta]:
        if not text:
            return ()
        self._written += len(text)
        deltas = self._transcript.feed(text)
        return self._with_scores(deltas) if self._scores else deltas

    def _with_scores(self, deltas: Sequence[AnswerDelta]) -> list[AnswerDelta]:
        spans = iter(self._transcript.spans)
        scored: list[AnswerDelta] = []
        for delta in deltas:
            if isinstance(delta, TextDelta):
                span = next(spans)
                scored.append(TextDelta(delta.text, self._logprobs_within(span.start, span.end)))
            else:
                scored.append(delta)
        return scored

    def _logprobs_within(self, start: int, end: int) -> tuple[TokenLogprob, ...]:
        """Of the tokens with text in this piece, not yet reported. One without text belongs to the one after it."""
        found: list[TokenLogprob] = []
        while self._scores and self._scores[0][0] < end:
            begin, stop, token, score = self._scores.popleft()
            if max(stop, begin + 1) > start:
                found.append(self._logprob(token, score, begin))
        return tuple(found)

    def _logprob(self, token: int, score: TokenScore, offset: int) -> TokenLogprob:
        top = tuple(self._reader.scored(other, logprob) for other, logprob in score.top)
        return TokenLogprob(self._reader.scored(token, score.logprob), top, offset)

    def _end(self, finish: FinishReason | None, score: TokenScore | None = None) -> list[GenerationEvent]:
        events: list[GenerationEvent] = []
        if finish is not None:
            if not self._transcript.ended:
                events += self._feed(self._decoder.finish())
            events += self._with_scores(self._transcript.finish(finish))
        if finish is FinishReason.STOP and score is not None and self._facts.tells_stops:
            events.append(TextDelta("", (self._logprob(self._last[-1], score, self._written),)))
        self.finished = True
        events.append(Finished(self._reason(finish), self._usage(), self._report(finish), self._transcript.warnings))
        return events

    def _reason(self, finish: FinishReason | None) -> FinishReason:
        if finish is FinishReason.LENGTH and not self._transcript.ended:
            return FinishReason.LENGTH
        return FinishReason.TOOL_CALLS if self._transcript.calls else FinishReason.STOP

    def _usage(self) -> Usage:
        thought = 0
        for start, end in self._transcript.thoughts:
            until = self._written if end is None else end
            thought += bisect_left(self._begins, until) - bisect_left(self._begins, start)
        cached = 0 if self._stats is None else self._stats.cached_tokens
        return Usage(self._facts.prompt_tokens, len(self._begins), thought, cached)

    def _report(self, finish: FinishReason | None) -> GenerationReport:
        stats = self._stats or RowStats()
        if finish is None:
            stats = replace(stats, decode_seconds=self._clock() - self._first_at)
        return GenerationReport(
            sampling=self._facts.sampling,
            max_tokens=self._facts.max_tokens,
            waiting_seconds=stats.waiting_seconds,
            prefill_seconds=stats.prefill_seconds,
            decode_seconds=stats.decode_seconds,
            peak_memory_bytes=stats.peak_memory_bytes,
            last_tokens=tuple((token, self._spelled(token)) for token in self._last),
            stop_tokens=self._stops_in_a_row(stats.stop_tokens),
            alone=stats.alone,
        )

    def _stops_in_a_row(self, counted: int) -> int:
        """A token that the model's files declare ends its answer, whatever would have come behind it: only behind one
        that they forgot do others mean that something is wrong with the files.
        """
        declared = bool(self._last) and self._last[-1] in self._facts.declared_stops
        return min(counted, 1) if declared else counted

    def _spelled(self, token: int) -> str:
        return self._reader.token_bytes(token).decode(errors="replace")


def events_of(step: RowStep, text: AnswerText) -> Sequence[GenerationEvent | MlxkError]:
    """What one row's step means to whoever reads the answer. A tokenizer or a parser of calls that breaks fails its own
    request only.
    """
    if step.error is not None:
        return [step.error]
    try:
        return text.add(step)
    except MlxkError as error:
        return [error]
    except Exception as fault:  # noqa: BLE001 - translated: it becomes this request's error
        failure = GenerationFailed(
            f"the model's tokenizer or call parser failed at token {step.token}: {type(fault).__name__}: {fault}"
        )
        failure.__cause__ = fault
        return [failure]
