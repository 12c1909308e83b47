"""Benchmark reports for people: Markdown, and with --output charts beside it.

    python -m benchmarks.generate_benchmark_report REPORT... [--compare OLD] [--memory SAMPLES] [--output FILE.md]

Several reports are read as one. --memory takes what `benchmarks.memmon` wrote while the tests ran; samples and tests
find each other by their times. Without --output the Markdown is printed and nothing is drawn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.reporting import charts, schema
from benchmarks.reporting.json_lines import LineFault, lines, records
from benchmarks.reporting.markdown import Sources, render
from benchmarks.reporting.memory_track import MemorySample, from_records
from benchmarks.reporting.runs import Run, from_record, rows
from benchmarks.reporting.whole_file import write_whole


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        runs = read_runs(options.reports)
        before = read_runs(options.compare or [])
        samples = read_samples(options.memory) if options.memory else []
        if options.output is None:
            print(render(Sources(runs, before, samples)), end="")
        else:
            drawn = [] if options.no_charts else _draw(runs, before, samples, options.output)
            write_whole(options.output, render(Sources(runs, before, samples, drawn)))
            print(options.output)
    except (OSError, LineFault, charts.NoMatplotlib) as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+", type=Path, metavar="REPORT")
    parser.add_argument("--compare", nargs="+", type=Path, metavar="OLD", help="reports to compare with")
    parser.add_argument("--memory", type=Path, metavar="SAMPLES", help="what memmon wrote")
    parser.add_argument("--output", type=Path, metavar="FILE.md")
    parser.add_argument("--no-charts", action="store_true")
    return parser


def read_runs(places: Iterable[Path]) -> list[Run]:
    """Raises OSError, and LineFault for a line that is not valid or a report without any."""
    found = []
    for place in places:
        own = [_run(each.parsed(), f"{place}:{each.number}") for each in lines(place)]
        if not own:
            raise LineFault(f"{place}: no lines")
        found += own
    return found


def _run(record: dict[str, object], where: str) -> Run:
    problems = schema.version_problems(record)
    if problems:
        raise LineFault(f"{where}: {problems[0]}")
    return from_record(record)


def read_samples(place: Path) -> list[MemorySample]:
    """Raises OSError, LineFault."""
    try:
        found = from_records(records(place))
    except ValueError as fault:
        raise LineFault(f"{place}: {fault}") from fault
    if not found:
        raise LineFault(f"{place}: no samples")
    return found


def _draw(
    runs: Sequence[Run], before: Sequence[Run], samples: Sequence[MemorySample], output: Path
) -> list[tuple[str, str]]:
    """Title and file name of each picture, beside the report."""
    models = output.with_name(f"{output.stem}-models.png")
    charts.draw_rows(rows(runs, before, samples), rows(before), models)
    drawn = [("Models", models.name)]
    if samples:
        memory = output.with_name(f"{output.stem}-memory.png")
        charts.draw_memory(samples, runs, memory)
        drawn.append(("Memory", memory.name))
    return drawn


if __name__ == "__main__":
    sys.exit(main())
