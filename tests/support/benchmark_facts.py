"""What a live test tells the benchmark report of an answer. Without `--report-output` it goes nowhere."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Callable[[str, object], None]
_LOAD_SUM = re.compile(r'^mlxk_model_load_seconds_sum\{model="([^"]*)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class AnswerTimes:
    """Of one request, seconds on one clock. first_piece: None when the answer came whole."""

    sent: float
    ended: float
    first_piece: float | None = None


def streamed(events: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], AnswerTimes]:
    """The events of a stream that has not been asked for yet, and when they came. The first piece is the first text of
    a chat, of its reasoning too, or of a completion.
    """
    sent, first, seen = time.monotonic(), None, []
    for event in events:
        if first is None and _has_text(event):
            first = time.monotonic()
        seen.append(event)
    return seen, AnswerTimes(sent, time.monotonic(), first)


def _has_text(event: Mapping[str, Any]) -> bool:
    deltas = [choice.get("delta", choice) for choice in event.get("choices", ())]
    return any(delta.get(name) for delta in deltas for name in ("content", "reasoning_content", "text"))


def tokens_per_second(completion_tokens: int, times: AnswerTimes) -> float | None:
    """Of a streamed answer after its first token, else over the whole request, reading the prompt included. None where
    there is nothing to divide.
    """
    tokens, begin = completion_tokens, times.sent
    if times.first_piece is not None:
        tokens, begin = completion_tokens - 1, times.first_piece
    return tokens / (times.ended - begin) if tokens > 0 and times.ended > begin else None


def load_seconds(metrics: str, model: str) -> float | None:
    """What a server's `/metrics` says that bringing in this model took, all times together; None: it never did."""
    return next((float(seconds) for name, seconds in _LOAD_SUM.findall(metrics) if name == model), None)


class BenchmarkFacts:
    """record: pytest's record_property. Unknown figures (None) are left out; what is told last holds."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def cli_answer(self, data: Mapping[str, object]) -> None:
        """data: of `mlxk run --json`."""
        usage, timings = _section(data, "usage"), _section(data, "timings")
        self.usage(usage)
        self._performance("tokens_per_sec", timings.get("decode_tokens_per_second"))
        self._performance("model_load_time_s", timings.get("load_seconds"))
        self._performance("time_to_first_token_s", timings.get("first_token_seconds"))
        self.note("engine_peak_memory_bytes", timings.get("peak_memory_bytes"))

    def http_answer(self, usage: Mapping[str, object], times: AnswerTimes) -> None:
        """usage: of a chat completion, or of the last chunk of a streamed one."""
        self.usage(usage)
        tokens = usage.get("completion_tokens")
        self._performance("tokens_per_sec", tokens_per_second(tokens, times) if isinstance(tokens, int) else None)
        if times.first_piece is not None:
            self._performance("time_to_first_token_s", times.first_piece - times.sent)

    def load_time(self, seconds: float | None) -> None:
        self._performance("model_load_time_s", seconds)

    def cleanup_time(self, seconds: float) -> None:
        """From asking a server to stop until it and its workers had gone. Without it the teardown's time stands."""
        self._performance("cleanup_time_s", seconds)

    def stop_tokens(
        self, configured: Sequence[str], detected: Sequence[str], *, leaked: bool, workaround: str = "none"
    ) -> None:
        """As text. leaked: one of them was in the answer that a client saw."""
        self._record("stop_tokens.configured", list(configured))
        self._record("stop_tokens.detected", list(detected))
        self._record("stop_tokens.workaround", workaround)
        self._record("stop_tokens.leaked", leaked)

    def model(self, **facts: str | float) -> None:
        """Fields of the report's `model`, over those that the portfolio's fixture gives."""
        for name, value in facts.items():
            self._record(f"model.{name}", value)

    def modality(self, name: str) -> None:
        """text, vision, audio or unknown, where the fixture's does not say it: text on a vision model."""
        self._record("inference_modality", name)

    def note(self, name: str, value: object) -> None:
        """Anything else; it stands in the metadata."""
        if value is not None:
            self._record(name, value)

    def usage(self, usage: Mapping[str, object]) -> None:
        """Of any answer of a server's."""
        for name in ("prompt_tokens", "completion_tokens"):
            self._performance(name, usage.get(name))

    def _performance(self, name: str, value: object) -> None:
        if value is not None:
            self._record(f"performance.{name}", value)


def _section(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}
