"""A model whose speed is known, on a clock that only it moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePath

from application.bench.run_benchmark import Clocks, RunBenchmark
from application.inference.chat import ChatAnswer, Prepared
from domain.catalog import LocatedModel, ModelSource
from domain.inference import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    GenerationRequest,
    Sampling,
    TextDelta,
    Usage,
)
from domain.serving.load_wishes import PLAINLY, LoadWishes

MODEL = LocatedModel("org/measured", PurePath("/models/measured"), ModelSource.CACHE, "a" * 40)
TEMPLATE_TOKENS = 10
TOKENS_PER_WORD = 2


class MeasuredChat:
    """Reads 1,000 tokens a second and writes 100, whoever asks; two tokens a word and ten for its template.

    requests: all it was asked; loadings: how it was to be loaded; cancelled: streams that were given up.
    """

    def __init__(self, context_length: int | None = 600) -> None:
        self.requests: list[GenerationRequest] = []
        self.loadings: list[LoadWishes] = []
        self.cancelled = 0
        self.seconds = 0.0
        self.fail_after: int | None = None
        self._context_length = context_length
        self._guard = threading.Lock()

    def clock(self) -> float:
        return self.seconds

    def prepare(self, spec: str, loading: LoadWishes = PLAINLY) -> Prepared:
        self.loadings.append(loading)
        return Prepared(MODEL, None, self._context_length)

    def execute(
        self, spec: str, request: GenerationRequest, *, streamed: bool = True, loading: LoadWishes = PLAINLY
    ) -> ChatAnswer:
        self.requests.append(request)
        return ChatAnswer(MODEL, _Stream(self, request))

    def answer(self, request: GenerationRequest) -> Iterator[GenerationEvent]:
        with self._guard:
            if self.fail_after is not None and len(self.requests) > self.fail_after:
                raise MemoryError
            prompt = TEMPLATE_TOKENS + TOKENS_PER_WORD * len(request.messages[0].content.split(" "))
            tokens = request.limits.requested or 0
            self.seconds += prompt / 1000
        yield TextDelta("word")
        report = GenerationReport(Sampling(0, 1, 0), tokens, 0, prompt / 1000, (tokens - 1) / 100, 2**20)
        yield Finished(FinishReason.LENGTH, Usage(prompt, tokens), report)


class _Stream:
    def __init__(self, chat: MeasuredChat, request: GenerationRequest) -> None:
        self._chat = chat
        self._events = chat.answer(request)

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> GenerationEvent:
        return next(self._events)

    def cancel(self) -> None:
        self._chat.cancelled += 1


def fake_benchmarks(chat: MeasuredChat) -> RunBenchmark:
    now = datetime(2026, 5, 17, 12, tzinfo=UTC)
    return RunBenchmark(chat, Clocks(chat.clock, lambda: now), lambda: {"mlx": "1.2.3"})
