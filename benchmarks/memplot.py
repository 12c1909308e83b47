"""Memory over time as a picture, with the tests of a benchmark report as bands behind it.

    python -m benchmarks.memplot SAMPLES [--report REPORT...] --output FILE.png

SAMPLES is what `benchmarks.memmon` wrote. Tests and samples find each other by their times.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.generate_benchmark_report import read_runs, read_samples
from benchmarks.reporting import charts
from benchmarks.reporting.json_lines import LineFault
from benchmarks.reporting.memory_track import within


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path, metavar="SAMPLES")
    parser.add_argument("--report", nargs="+", type=Path, default=[], metavar="REPORT")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.png")
    options = parser.parse_args(arguments)
    try:
        samples = read_samples(options.samples)
        runs = read_runs(options.report)
        charts.draw_memory(samples, runs, options.output)
    except (OSError, LineFault, charts.NoMatplotlib) as fault:
        print(fault, file=sys.stderr)
        return 1
    seen = sum(bool(within(samples, each.started, each.ended)) for each in runs)
    print(f"{options.output}: {len(samples)} samples, {seen} of {len(runs)} tests were sampled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
