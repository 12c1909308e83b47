"""What a benchmark found, and how two of them compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median
from typing import Any

from domain.errors import InvalidRequest

FORMAT = "mlxk-bench/1"


@dataclass(frozen=True, slots=True)
class Spread:
    """Of several runs."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """values: at least one."""
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Timing:
    """One request of a run, in seconds from the moment all were sent. decode_seconds: from first to last token."""

    prompt_tokens: int
    answer_tokens: int
    first_seconds: float
    decode_seconds: float
    peak_memory_bytes: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """One cell. prompt_tokens: the mean of what the prompts really had. prefill_rate: tokens a second of all prompts,
    up to the moment when the last answer begins. decode_rate: tokens a second of the answer that began last, times the
    answers that run beside it. first_token_seconds: the median request's wait for its first token.
    """

    prompt_tokens: int
    batch: int
    answer_tokens: int
    prefill_rate: Spread
    decode_rate: Spread
    first_token_seconds: Spread
    peak_memory_bytes: int


def measured(runs: Sequence[Sequence[Timing]]) -> Measurement:
    """One cell from its runs: as many timings a run as there were requests at once."""
    every = [timing for run in runs for timing in run]
    return Measurement(
        prompt_tokens=round(sum(timing.prompt_tokens - timing.cached_tokens for timing in every) / len(every)),
        batch=len(runs[0]),
        answer_tokens=round(sum(timing.answer_tokens for timing in every) / len(every)),
        prefill_rate=Spread.of([_prefill_rate(run) for run in runs]),
        decode_rate=Spread.of([_decode_rate(run) for run in runs]),
        first_token_seconds=Spread.of([median(timing.first_seconds for timing in run) for run in runs]),
        peak_memory_bytes=max(timing.peak_memory_bytes for timing in every),
    )


def _prefill_rate(run: Sequence[Timing]) -> float:
    read = sum(timing.prompt_tokens - timing.cached_tokens for timing in run)
    until = max(timing.first_seconds for timing in run)
    return read / max(until, 1e-9)


def _decode_rate(run: Sequence[Timing]) -> float:
    last = max(run, key=lambda timing: timing.first_seconds)
    return len(run) * (last.answer_tokens - 1) / max(last.decode_seconds, 1e-9)


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """environment: versions and machine, name to value. created: UTC, ISO 8601."""

    model: str
    revision: str | None
    created: str
    environment: Mapping[str, str]
    measurements: tuple[Measurement, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "format": FORMAT,
            "model": self.model,
            "revision": self.revision,
            "created": self.created,
            "environment": dict(self.environment),
            "measurements": [asdict(each) for each in self.measurements],
        }

    @classmethod
    def from_json(cls, body: object, name: str) -> BenchmarkReport:
        """name: of the file, for the error. Raises InvalidRequest for anything that `to_json` does not write."""
        if not isinstance(body, Mapping) or body.get("format") != FORMAT:
            raise InvalidRequest(f"{name} is no report of `mlxk bench --save` ({FORMAT})")
        try:
            return cls(
                str(body["model"]),
                body["revision"],
                str(body["created"]),
                {str(key): str(value) for key, value in body["environment"].items()},
                tuple(_measurement(each) for each in body["measurements"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise InvalidRequest(f"{name} is a damaged report: {fault}") from fault


def _measurement(body: Mapping[str, Any]) -> Measurement:
    spreads = ("prefill_rate", "decode_rate", "first_token_seconds")
    names = [each.name for each in fields(Measurement)]
    values: dict[str, Any] = {name: body[name] for name in names if name not in spreads}
    for name in spreads:
        values[name] = Spread(*(float(body[name][part]) for part in ("median", "low", "high")))
    return Measurement(**values)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A cell measured twice. Ratios of medians, new over old: above 1 is faster; for first_token slower."""

    prompt_tokens: int
    batch: int
    prefill: float
    decode: float
    first_token: float
    memory: float


def compare(new: BenchmarkReport, old: BenchmarkReport) -> tuple[Comparison, ...]:
    """The cells that both have: the same batch, and prompts within a tenth of one another."""
    found = []
    for one in new.measurements:
        other = next((each for each in old.measurements if _same_cell(one, each)), None)
        if other is not None:
            found.append(
                Comparison(
                    one.prompt_tokens,
                    one.batch,
                    _ratio(one.prefill_rate.median, other.prefill_rate.median),
                    _ratio(one.decode_rate.median, other.decode_rate.median),
                    _ratio(one.first_token_seconds.median, other.first_token_seconds.median),
                    _ratio(one.peak_memory_bytes, other.peak_memory_bytes),
                )
            )
    return tuple(found)


def _same_cell(one: Measurement, other: Measurement) -> bool:
    return one.batch == other.batch and abs(one.prompt_tokens - other.prompt_tokens) * 10 <= other.prompt_tokens


def _ratio(new: float, old: float) -> float:
    return new / old if old else float("inf") if new else 1.0
