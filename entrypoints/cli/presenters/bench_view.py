"""A benchmark for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from domain.bench.report import BenchmarkReport, Comparison, Spread
from entrypoints.cli.presenters.formatting import size
from entrypoints.cli.presenters.table import Cell, Column, Table

TITLES = ("Prompt", "Batch", "Answer", "Prefill tok/s", "Decode tok/s", "First token", "Peak memory")
RATIO_TITLES = ("Prompt", "Batch", "Prefill", "Decode", "First token", "Peak memory")


def bench_table(report: BenchmarkReport) -> Table:
    """One line a cell; medians, with the spread where runs differ by more than a tenth."""
    rows = [
        (
            f"{each.prompt_tokens:,}",
            str(each.batch),
            f"{each.answer_tokens:,}",
            _spread(each.prefill_rate),
            _spread(each.decode_rate),
            f"{each.first_token_seconds.median * 1000:,.0f} ms",
            size(each.peak_memory_bytes) if each.peak_memory_bytes else "-",
        )
        for each in report.measurements
    ]
    return _numbers(TITLES, rows)


def comparison_table(compared: tuple[Comparison, ...]) -> Table:
    """New over old."""
    rows = [
        (
            f"{each.prompt_tokens:,}",
            str(each.batch),
            *map(_ratio, (each.prefill, each.decode, each.first_token, each.memory)),
        )
        for each in compared
    ]
    return _numbers(RATIO_TITLES, rows)


def comparison_object(compared: Comparison) -> dict[str, object]:
    return asdict(compared)


def _numbers(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    columns = tuple(Column(title, right=True) for title in titles)
    return Table(columns, tuple(tuple(Cell(text) for text in row) for row in rows))


def _spread(value: Spread) -> str:
    wide = value.high > value.low * 1.1
    return f"{value.median:,.1f} ({value.low:,.1f}-{value.high:,.1f})" if wide else f"{value.median:,.1f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}x"
