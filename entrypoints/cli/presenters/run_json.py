"""The data of `mlxk run --json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from domain.inference import GenerationReport, ScoredToken, TokenLogprob, ToolCall, Usage
from entrypoints.cli.asking import Exchange
from entrypoints.cli.presenters.run_speed import Speeds, speeds
from entrypoints.cli.run_arguments import Arguments


def run_data(exchange: Exchange, question: str, arguments: Arguments) -> dict[str, object]:
    """The answer whole, and how it came about. The answer has ended by itself."""
    answer, finished = exchange.answer, exchange.answer.finished
    if finished is None:
        raise ValueError("an answer without its end has no JSON form")
    memory = [] if exchange.memory_warning is None else [exchange.memory_warning]
    return {
        "model": exchange.model,
        "prompt": question,
        "response": answer.text,
        "reasoning": None if arguments.no_reasoning else answer.reasoning or None,
        "tool_calls": [_call(each) for each in answer.calls],
        "finish_reason": finished.reason.value,
        "usage": _usage(finished.usage),
        "logprobs": None if arguments.logprobs is None else _logprobs(answer.logprobs),
        "sampling": _sampling(finished.report),
        "timings": _timings(speeds(finished), exchange.load_seconds, answer.total_seconds),
        "warnings": [*memory, *finished.warnings],
        "served_by": exchange.served_by,
    }


def _call(call: ToolCall) -> dict[str, object]:
    return {"id": call.call_id, "name": call.name, "arguments": call.arguments}


def _usage(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cached_tokens": usage.cached_tokens,
    }


def _logprobs(entries: Sequence[TokenLogprob]) -> list[dict[str, object]]:
    return [{**_scored(each.chosen), "top_logprobs": [_scored(other) for other in each.top]} for each in entries]


def _scored(token: ScoredToken) -> dict[str, object]:
    return {"token": token.text, "bytes": list(token.raw), "logprob": token.logprob}


def _sampling(report: GenerationReport | None) -> dict[str, object] | None:
    if report is None:
        return None
    values = dataclasses.asdict(report.sampling)
    values["logit_bias"] = {str(token): bias for token, bias in report.sampling.logit_bias}
    return {**values, "max_tokens": report.max_tokens}


def _timings(measured: Speeds, load_seconds: float, total_seconds: float) -> dict[str, object]:
    return {
        "load_seconds": round(load_seconds, 4),
        "first_token_seconds": _rounded(measured.first_token_seconds, 4),
        "total_seconds": round(total_seconds, 4),
        "prompt_tokens_per_second": _rounded(measured.prompt_tokens_per_second, 1),
        "decode_tokens_per_second": _rounded(measured.decode_tokens_per_second, 1),
        "peak_memory_bytes": measured.peak_memory_bytes,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
