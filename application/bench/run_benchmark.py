"""Measure how fast a model reads and writes, alone and with several requests at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from application.inference.chat import ChatAnswer, Prepared
from domain.bench.filler import filler, words_for
from domain.bench.plan import BenchmarkPlan, Cell
from domain.bench.report import BenchmarkReport, Measurement, Timing, measured
from domain.errors import GenerationFailed
from domain.inference import (
    DefaultLength,
    Finished,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TokenLimits,
)
from domain.serving.load_wishes import PLAINLY, LoadWishes

FEW_WORDS, MANY_WORDS = 4, 36


class Answering(Protocol):
    """application.inference.chat.Chat."""

    def prepare(self, spec: str, loading: LoadWishes = ...) -> Prepared: ...

    def execute(
        self, spec: str, request: GenerationRequest, *, streamed: bool = ..., loading: LoadWishes = ...
    ) -> ChatAnswer: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """done of total cells are measured; `cell` is next, None at the end."""

    done: int
    total: int
    cell: Cell | None


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Clocks:
    """monotonic: seconds. now: UTC-aware."""

    monotonic: Callable[[], float]
    now: Callable[[], datetime]


class RunBenchmark:
    """Every prompt is another, so that none is remembered; greedy, and stop tokens do not end an answer."""

    def __init__(self, chat: Answering, clocks: Clocks, environment: Callable[[], Mapping[str, str]]) -> None:
        self._chat = chat
        self._clocks = clocks
        self._environment = environment

    def execute(
        self, spec: str, plan: BenchmarkPlan, *, chosen: bool, loading: LoadWishes = PLAINLY, progress: OnProgress
    ) -> BenchmarkReport:
        """chosen: the plan's lengths are the user's own. Raises what loading and answering raise, and
        ContextLengthExceeded for lengths that do not fit.
        """
        prepared = self._chat.prepare(spec, loading)
        fitted = plan if prepared.context_length is None else plan.fitted(prepared.context_length, chosen=chosen)
        asker = _Asker(self._chat, spec, loading, self._clocks.monotonic)
        asker.calibrate()
        cells = list(fitted.cells())
        found: list[Measurement] = []
        for at, cell in enumerate(cells):
            progress(Progress(at, len(cells), cell))
            words = asker.words_for(cell.prompt_tokens)
            runs = [asker.together(cell.batch, words, fitted.answer) for _ in range(1 + fitted.runs)]
            found.append(measured(runs[1:]))  # the first was to warm up
        progress(Progress(len(cells), len(cells), None))
        created = self._clocks.now().isoformat(timespec="seconds")
        model = prepared.model
        return BenchmarkReport(model.name, model.revision, created, dict(self._environment()), tuple(found))


class _Asker:
    """Asks one model. `together` uses threads of its own; one thread calls in."""

    def __init__(self, chat: Answering, spec: str, loading: LoadWishes, clock: Callable[[], float]) -> None:
        self._chat = chat
        self._spec = spec
        self._loading = loading
        self._clock = clock
        self._asked = 0
        self._few = self._many = (0, 0)

    def calibrate(self) -> None:
        """Learn what a word costs in tokens."""
        self._few, self._many = ((words, self._prompt_tokens(words)) for words in (FEW_WORDS, MANY_WORDS))

    def words_for(self, tokens: int) -> int:
        """How many words make a prompt of at most so many tokens, and nearly that."""
        words = words_for(tokens, self._few, self._many)
        found = self._prompt_tokens(words)
        return words if found <= tokens else max(1, words * tokens // found)

    def together(self, batch: int, words: int, answer: int) -> list[Timing]:
        """So many requests at once."""
        requests = [self._request(words, answer) for _ in range(batch)]
        with ThreadPoolExecutor(max_workers=batch, thread_name_prefix="mlxk-bench") as threads:
            start = self._clock()
            answers = [self._send(request) for request in requests]
            try:
                return list(threads.map(lambda each: self._read(each, start), answers))
            finally:
                for each in answers:
                    each.events.cancel()

    def _prompt_tokens(self, words: int) -> int:
        answer = self._send(self._request(words, 1))
        return self._read(answer, self._clock()).prompt_tokens

    def _request(self, words: int, answer: int) -> GenerationRequest:
        self._asked += 1
        return GenerationRequest(
            (Message(Role.USER, filler(words, self._asked)),),
            limits=TokenLimits(DefaultLength.FULL_CONTEXT, answer),
            sampling=SamplingRequest(temperature=0.0),
            ignore_stops=True,
        )

    def _send(self, request: GenerationRequest) -> ChatAnswer:
        return self._chat.execute(self._spec, request, streamed=True, loading=self._loading)

    def _read(self, answer: ChatAnswer, start: float) -> Timing:
        first: float | None = None
        for event in answer.events:
            now = self._clock()
            first = now if first is None else first
            if isinstance(event, Finished):
                return _timing(event, first - start, now - first)
        raise GenerationFailed("the answer ended without its last event", hint="try again")


def _timing(end: Finished, first_seconds: float, decode_seconds: float) -> Timing:
    """The engine's own clock for decoding, where it tells: a character over several tokens hides its first ones."""
    report = end.report
    if report is not None and report.decode_seconds > 0:
        decode_seconds = report.decode_seconds
    return Timing(
        end.usage.prompt_tokens,
        end.usage.completion_tokens,
        first_seconds,
        decode_seconds,
        0 if report is None else report.peak_memory_bytes,
        end.usage.cached_tokens,
    )
