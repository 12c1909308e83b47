"""How an answer came about, for people and in numbers."""

from __future__ import annotations

import dataclasses

from domain.inference import Finished, GenerationReport, Sampling
from entrypoints.cli.presenters.formatting import size

# Values that do nothing; two are only of use beside another one.
_OFF = Sampling(temperature=0.0, top_p=1.0, seed=0)
_ALWAYS = ("temperature", "top_p", "seed")


@dataclasses.dataclass(frozen=True, slots=True)
class Speeds:
    """None where the engine has not said enough to tell. first_token_seconds: from the question, with the model loaded;
    prompt tokens: those that had to be read.
    """

    first_token_seconds: float | None
    prompt_tokens_per_second: float | None
    decode_tokens_per_second: float | None
    peak_memory_bytes: int | None


def speeds(finished: Finished) -> Speeds:
    """By the engine's report."""
    report, usage = finished.report, finished.usage
    if report is None:
        return Speeds(None, None, None, None)
    return Speeds(
        report.waiting_seconds + report.prefill_seconds if report.prefill_seconds > 0 else None,
        _rate(usage.prompt_tokens - usage.cached_tokens, report.prefill_seconds),
        _rate(usage.completion_tokens - 1, report.decode_seconds),
        report.peak_memory_bytes or None,
    )


def verbose_lines(finished: Finished, load_seconds: float) -> list[str]:
    """What --verbose tells on standard error."""
    measured, usage, report = speeds(finished), finished.usage, finished.report
    first = "" if measured.first_token_seconds is None else f", first token after {measured.first_token_seconds:.3f} s"
    lines = [
        f"Model: ready after {load_seconds:.2f} s",
        f"Prompt: {usage.prompt_tokens:,} tokens, {usage.cached_tokens:,} of them from the prompt cache"
        f"{_speed(measured.prompt_tokens_per_second)}{first}",
        f"Answer: {usage.completion_tokens:,} tokens{_thought(usage.reasoning_tokens)}"
        f"{_speed(measured.decode_tokens_per_second)}, ended by {finished.reason.value}",
    ]
    return lines if report is None else [*lines, *_reported(report)]


def _reported(report: GenerationReport) -> list[str]:
    lines = [f"Peak memory: {size(report.peak_memory_bytes)}"] if report.peak_memory_bytes else []
    lines.append(f"Sampling: {sampling_line(report)}")
    if report.alone is not None:
        lines.append(f"Decoded alone: {report.alone}")
    shown = " ".join(f"{token}={_quoted(text)}" for token, text in report.last_tokens)
    lines.append(f"[DEBUG] Token generation analysis: {shown or 'no tokens'}")
    if report.stop_tokens > 1:
        lines.append(f"WARNING: Multiple EOS tokens detected ({report.stop_tokens}) - model quality issue")
    return lines


def sampling_line(report: GenerationReport) -> str:
    """The values in force: the usual three, and those that change anything."""
    values = dataclasses.asdict(report.sampling)
    companions = {"xtc_threshold": "xtc_probability", "repetition_context_size": "repetition_penalty"}
    shown = [
        f"{name} {_value(values[name])}"
        for name in values
        if name in _ALWAYS or values[companions.get(name, name)] != getattr(_OFF, companions.get(name, name))
    ]
    return ", ".join([*shown, f"max_tokens {report.max_tokens}"])


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(f"{token}={bias:g}" for token, bias in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _quoted(text: str) -> str:
    """In single quotes, with control characters as escapes."""
    return repr(text + '"')[:-2] + "'"


def _rate(tokens: int, seconds: float) -> float | None:
    return tokens / seconds if tokens > 0 and seconds > 0 else None


def _speed(rate: float | None) -> str:
    return "" if rate is None else f", {rate:,.1f} tokens/s"


def _thought(tokens: int) -> str:
    return f" ({tokens:,} of them thought)" if tokens else ""
