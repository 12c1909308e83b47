"""Fake workers that answer some questions with events of the test's choosing: thoughts, calls, scores, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.catalog import LocatedModel
from domain.errors import GenerationFailed
from domain.inference import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    GenerationRequest,
    ReasoningDelta,
    Sampling,
    ScoredToken,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from domain.serving.load_options import LoadOptions
from tests.support.fakes.worker import PLAIN_LOAD, FakeStream, FakeWorker, FakeWorkerLauncher, Script

Told = Mapping[str, Sequence[GenerationEvent]]

REPORT = GenerationReport(
    sampling=Sampling(0.5, 0.8, 7, top_k=3, logit_bias=((1, -1.5), (2, 4.0))),
    max_tokens=64,
    waiting_seconds=0.25,
    prefill_seconds=0.5,
    decode_seconds=1.5,
    peak_memory_bytes=1_000_000_000_000,
    last_tokens=((5, "a"), (6, '"'), (7, "\u2028")),
    stop_tokens=2,
    alone="quantised KV caches cannot be merged",
)


def scored(text: str, raw: bytes, logprob: float) -> ScoredToken:
    return ScoredToken(text, raw, logprob)


TOLD: Told = {
    "think": (
        ReasoningDelta("two and "),
        ReasoningDelta("two"),
        TextDelta("four"),
        Finished(FinishReason.STOP, Usage(5, 9, reasoning_tokens=6, cached_tokens=4)),
    ),
    "call": (
        ToolCallDelta(0, "call_a", "weather", ""),
        ToolCallDelta(0, None, None, '{"city":'),
        ToolCallDelta(0, None, None, ' "Bonn"}'),
        ToolCallDelta(1, "call_b", "time", "{}"),
        Finished(FinishReason.TOOL_CALLS, Usage(30, 20)),
    ),
    "say and call": (
        ReasoningDelta("I must look"),
        TextDelta("Let me see."),
        ToolCallDelta(0, "call_a", "weather", "{}"),
        Finished(FinishReason.TOOL_CALLS, Usage(30, 20, 3)),
    ),
    "score": (
        TextDelta("", (TokenLogprob(scored("\ufffd", b"\xe2\x82", -0.5), (scored("a", b"a", -1.25),)),)),
        TextDelta("\u20ac!", (TokenLogprob(scored("\ufffd", b"\xac", -0.25)), TokenLogprob(scored("!", b"!", -0.0)))),
        Finished(FinishReason.STOP, Usage(3, 4)),
    ),
    "warn": (
        TextDelta("<call>broken"),
        Finished(FinishReason.LENGTH, Usage(3, 4), REPORT, ("a call could not be read", "and one more")),
    ),
}


FAULT = GenerationFailed("the engine stumbled", hint="over a step", param="messages", detail={"at": 3})


class EventWorker(FakeWorker):
    """As FakeWorker, but for questions in `told`."""

    told: Told = TOLD

    def generate(self, request: GenerationRequest) -> FakeStream[GenerationEvent]:
        stream = super().generate(request)
        question = request.messages[-1].content if request.messages else ""
        if question in self.told:
            stream._events = iter(self.told[question])
        return stream


class EventLauncher(FakeWorkerLauncher):
    def __init__(self, script: Script | None = None, told: Told = TOLD) -> None:
        super().__init__(script)
        self._told = told

    def launch(self, model: LocatedModel, options: LoadOptions = PLAIN_LOAD) -> FakeWorker:
        plain = super().launch(model, options)
        worker = EventWorker(model, self.script, plain.loaded.process_id, plain.news)
        worker.told = self._told
        self.workers[-1] = worker
        return worker
