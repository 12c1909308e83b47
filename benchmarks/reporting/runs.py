"""A report's lines as values, and what can be said of many of them. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.reporting.memory_track import MemorySample, within
from benchmarks.reporting.model_facts import LEGACY_FIXTURES, LEGACY_LABEL, UNKNOWN

NO_MODEL = "(no model)"
SLOWER, FASTER = 0.05, -0.05  # what changes by less is called the same


@dataclass(frozen=True)
class Run:
    """One line. Sections that it lacks are empty."""

    test: str
    outcome: str
    seconds: float
    started: float
    ended: float
    version: str
    model: str | None
    modality: str
    performance: Mapping[str, float]
    system: Mapping[str, object]
    health: Mapping[str, object]
    stop_tokens: Mapping[str, object]

    @property
    def flags(self) -> list[str]:
        found = self.health.get("quality_flags")
        return [str(each) for each in found] if isinstance(found, list) else []

    @property
    def ram_gb(self) -> list[float]:
        """What its processes held: settled, and at the most."""
        found = (self.performance.get("stable_ram_gb"), self.performance.get("peak_ram_gb"))
        return [each for each in found if each is not None]


def from_record(record: Mapping[str, object]) -> Run:
    """record: valid by the schema."""
    metadata, model = _section(record, "metadata"), _section(record, "model").get("id")
    performance = _section(record, "performance")
    return Run(
        test=str(record["test"]),
        outcome=str(record["outcome"]),
        seconds=_number(record.get("duration")),
        started=_number(record.get("test_start_ts")),
        ended=_number(record.get("test_end_ts")),
        version=str(record["mlx_knife_version"]),
        model=model if isinstance(model, str) else None,
        modality=_label(metadata),
        performance={name: float(each) for name, each in performance.items() if isinstance(each, int | float)},
        system=_section(record, "system"),
        health=_section(record, "system_health"),
        stop_tokens=_section(record, "stop_tokens"),
    )


def _label(metadata: Mapping[str, object]) -> str:
    modality = str(metadata.get("inference_modality", UNKNOWN))
    if modality == UNKNOWN and metadata.get("portfolio_fixture") in LEGACY_FIXTURES:
        return LEGACY_LABEL
    return modality


@dataclass(frozen=True)
class Row:
    """The tests of one model and modality. Figures are medians of those tests that have them; None: none has.

    change: of the time of the tests that both reports have and that passed in both, as a share; None: there is none.
    ram_gb: least and most that was held.
    """

    model: str
    modality: str
    outcomes: Mapping[str, int]
    seconds: float
    change: float | None
    tokens_per_sec: float | None
    first_token_seconds: float | None
    load_seconds: float | None
    ram_gb: tuple[float, float] | None


def rows(runs: Sequence[Run], before: Sequence[Run] = (), samples: Sequence[MemorySample] = ()) -> list[Row]:
    """By name, those without a model last. samples: of memmon; where some fall into a test, they tell its memory."""
    keys = sorted({_key(each) for each in runs}, key=lambda key: (key[0] == NO_MODEL, key))
    old = list(before)
    return [
        _row(key, [each for each in runs if _key(each) == key], [each for each in old if _key(each) == key], samples)
        for key in keys
    ]


def _key(run: Run) -> tuple[str, str]:
    return run.model or NO_MODEL, run.modality


def _row(key: tuple[str, str], runs: Sequence[Run], before: Sequence[Run], samples: Sequence[MemorySample]) -> Row:
    held = [each for run in runs for each in (_sampled(run, samples) or run.ram_gb)]
    return Row(
        model=key[0],
        modality=key[1],
        outcomes=Counter(each.outcome for each in runs),
        seconds=sum(each.seconds for each in runs),
        change=time_change(runs, before),
        tokens_per_sec=median(runs, "tokens_per_sec"),
        first_token_seconds=median(runs, "time_to_first_token_s"),
        load_seconds=median(runs, "model_load_time_s"),
        ram_gb=(min(held), max(held)) if held else None,
    )


def _sampled(run: Run, samples: Sequence[MemorySample]) -> list[float]:
    return [each.process_ram_gb for each in within(samples, run.started, run.ended)]


def median(runs: Iterable[Run], figure: str) -> float | None:
    found = [each.performance[figure] for each in runs if figure in each.performance]
    return statistics.median(found) if found else None


def passed_seconds(runs: Iterable[Run]) -> dict[str, float]:
    """Test -> the median time of its passed runs."""
    found: dict[str, list[float]] = {}
    for each in runs:
        if each.outcome == "passed":
            found.setdefault(each.test, []).append(each.seconds)
    return {test: statistics.median(times) for test, times in found.items()}


def time_change(runs: Sequence[Run], before: Sequence[Run]) -> float | None:
    now, then = passed_seconds(runs), passed_seconds(before)
    common = now.keys() & then.keys()
    old = sum(then[each] for each in common)
    return (sum(now[each] for each in common) - old) / old if old else None


@dataclass(frozen=True)
class Change:
    """change: a share of the time before."""

    test: str
    before_seconds: float
    seconds: float

    @property
    def change(self) -> float:
        return (self.seconds - self.before_seconds) / self.before_seconds

    @property
    def verdict(self) -> str:
        return "slower" if self.change > SLOWER else "faster" if self.change < FASTER else "same"


@dataclass(frozen=True)
class Comparison:
    """changes: tests that passed in both, the largest loss first. broken, mended: by outcome. fresh, gone: by name."""

    changes: Sequence[Change]
    broken: Sequence[str]
    mended: Sequence[str]
    fresh: Sequence[str]
    gone: Sequence[str]


def compare(runs: Sequence[Run], before: Sequence[Run]) -> Comparison:
    now, then = passed_seconds(runs), passed_seconds(before)
    changes = [Change(each, then[each], now[each]) for each in now.keys() & then.keys() if then[each]]
    here, there = {each.test for each in runs}, {each.test for each in before}
    failed_now, failed_then = _failed(runs), _failed(before)
    return Comparison(
        changes=sorted(changes, key=lambda each: (-each.change, each.test)),
        broken=sorted(failed_now - failed_then),
        mended=sorted((failed_then - failed_now) & here),
        fresh=sorted(here - there),
        gone=sorted(there - here),
    )


def _failed(runs: Iterable[Run]) -> set[str]:
    """Tests whose last run failed."""
    return {test for test, outcome in {each.test: each.outcome for each in runs}.items() if outcome == "failed"}


def _section(record: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
