"""A server's answer, whole or in chunks, as the events it was made from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from domain.errors import InternalError, MlxkError, leaves
from domain.inference import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    PromptProgress,
    ReasoningDelta,
    Sampling,
    ScoredToken,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

ERRORS = {leaf.code: leaf for leaf in leaves()}
DATA, DONE = b"data: ", b"data: [DONE]"
Json = Mapping[str, Any]


class AnswerReader:
    """One answer. Everything raises KeyError, TypeError or ValueError for what our servers do not send."""

    def __init__(self) -> None:
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._report: GenerationReport | None = None
        self._warnings: tuple[str, ...] = ()

    def streamed(self, lines: Iterator[bytes]) -> Iterator[GenerationEvent]:
        """From the lines of an event stream. Raises the error that ends it, ConnectionResetError when nothing does."""
        for line in lines:
            if line == DONE:
                yield self._finished()
                return
            if line.startswith(DATA):
                yield from self._chunk(json.loads(line[len(DATA) :]))
        raise ConnectionResetError("the server closed the line before the end of its answer")

    def whole(self, body: bytes) -> Iterator[GenerationEvent]:
        yield from self._chunk(json.loads(body))
        yield self._finished()

    def _chunk(self, chunk: Json) -> Iterator[GenerationEvent]:
        if "error" in chunk:
            raise error_in(chunk["error"])
        if (progress := chunk.get("mlxk", {}).get("prompt_progress")) is not None:
            yield PromptProgress(progress["done"], progress["total"])
        for choice in chunk["choices"]:
            yield from _pieces(choice.get("delta") or choice.get("message") or {}, choice["logprobs"])
            if choice["finish_reason"] is not None:
                self._reason = FinishReason(choice["finish_reason"])
                self._warnings = tuple(chunk.get("warnings", ()))
                self._report = _report(chunk.get("mlxk", {}).get("report"))
        if chunk.get("usage") is not None:
            self._usage = _usage(chunk["usage"])

    def _finished(self) -> Finished:
        if self._reason is None or self._usage is None:
            raise ValueError("an answer without a reason for its end, or without usage")
        return Finished(self._reason, self._usage, self._report, self._warnings)


def error_in(error: Json) -> MlxkError:
    """The same class with the same words; what no class of ours has is an InternalError."""
    kind = ERRORS.get(error["code"], InternalError)
    return kind(
        error["message"],
        hint=error.get("hint"),
        param=error.get("param"),
        matches=error.get("matches", ()),
        detail=error.get("detail"),
    )


def _pieces(said: Json, logprobs: Json | None) -> Iterator[GenerationEvent]:
    """said: a delta, or a whole message, whose calls are then not numbered."""
    if said.get("reasoning_content"):
        yield ReasoningDelta(said["reasoning_content"])
    scored = tuple(_logprob(each) for each in logprobs["content"]) if logprobs else ()
    if said.get("content") or scored:
        yield TextDelta(said.get("content") or "", scored)
    for at, call in enumerate(said.get("tool_calls", ())):
        function = call["function"]
        yield ToolCallDelta(call.get("index", at), call.get("id"), function.get("name"), function["arguments"])


def _logprob(entry: Json) -> TokenLogprob:
    return TokenLogprob(_token(entry), tuple(_token(each) for each in entry["top_logprobs"]))


def _token(entry: Json) -> ScoredToken:
    return ScoredToken(entry["token"], bytes(entry["bytes"]), float(entry["logprob"]))


def _usage(usage: Json) -> Usage:
    return Usage(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["completion_tokens_details"]["reasoning_tokens"],
        usage["prompt_tokens_details"]["cached_tokens"],
    )


def _report(report: Json | None) -> GenerationReport | None:
    if report is None:
        return None
    sampling = report["sampling"]
    biases = tuple((int(token), float(bias)) for token, bias in sampling["logit_bias"])
    last = tuple((int(token), str(text)) for token, text in report["last_tokens"])
    return GenerationReport(
        **{**report, "sampling": Sampling(**{**sampling, "logit_bias": biases}), "last_tokens": last}
    )
