"""Are the lines of benchmark reports valid, each by the schema whose version it names?

    python -m benchmarks.validate_reports FILE... [--complete]

Every fault is named by file, line and field; exit code 1 if there is one. Fields of the current schema that no line has
are named too; with --complete they are faults.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.reporting import schema
from benchmarks.reporting.json_lines import LineFault, lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--complete", action="store_true", help="a field that no line has is a fault")
    options = parser.parse_args(arguments)
    seen: set[str] = set()
    counts = dict.fromkeys(options.files, 0)
    faults = 0
    for place in options.files:
        for fault in _faults(place, seen, counts):
            print(fault)
            faults += 1
    missing = sorted(set(schema.leaves(schema.current())) - seen)
    for each in missing:
        print(f"never written: {each}")
    for place, count in counts.items():
        print(f"{place}: {count} lines")
    return int(faults > 0 or (options.complete and bool(missing)))


def _faults(place: Path, seen: set[str], counts: dict[Path, int]) -> Iterator[str]:
    try:
        for line in lines(place):
            counts[place] += 1
            try:
                record = line.parsed()
            except LineFault as fault:
                yield str(fault)
                continue
            seen |= schema.written(record, schema.current())
            yield from (f"{place}:{line.number}: {each}" for each in schema.version_problems(record))
    except OSError as fault:
        yield f"{place}: {fault.strerror or fault}"
        return
    if not counts[place]:
        yield f"{place}: no lines"


if __name__ == "__main__":
    sys.exit(main())
