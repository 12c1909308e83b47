"""Parts that whole and streamed answers have in common, as OpenAI's API spells them, and our own additions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from domain.inference import Finished, GenerationReport, ScoredToken, TokenLogprob, Usage

LEAST_LOGPROB = -9999.0  # JSON has no infinity; OpenAI's API says this for what is all but impossible


def present_usage(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def present_logprobs(logprobs: Iterable[TokenLogprob]) -> dict[str, object]:
    """`logprobs` of a choice: the tokens of the answer, one entry each."""
    content = [{**_token(each.chosen), "top_logprobs": [_token(other) for other in each.top]} for each in logprobs]
    return {"content": content, "refusal": None}


def present_call(call_id: str | None, name: str | None, arguments: str) -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def present_extras(finished: Finished, *, report: bool) -> dict[str, object]:
    """Fields beside OpenAI's, each only where it says something. `warnings`; `mlxk.alone`: why the answer was not made
    in a batch with others; `mlxk.report`, when asked for.
    """
    told = finished.report
    extras: dict[str, object] = {}
    if told is not None and told.alone is not None:
        extras["alone"] = told.alone
    if told is not None and report:
        extras["report"] = _report(told)
    found: dict[str, object] = {"warnings": list(finished.warnings)} if finished.warnings else {}
    return found | ({"mlxk": extras} if extras else {})


def _report(report: GenerationReport) -> dict[str, object]:
    """Field by field, as the domain names them."""
    sampling = {each.name: getattr(report.sampling, each.name) for each in fields(report.sampling)}
    return {each.name: getattr(report, each.name) for each in fields(report)} | {"sampling": sampling}


def _token(token: ScoredToken) -> dict[str, object]:
    return {"token": token.text, "bytes": list(token.raw), "logprob": max(token.logprob, LEAST_LOGPROB)}
