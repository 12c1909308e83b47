"""python -m tests.support.soak [--seconds 600] [--seed 8] [--rests 20]: prints the ledger; ends with 1 for a fault."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.support.soak import soak


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--rests", type=int, default=20)
    parser.add_argument("--no-freeze", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for models and log")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = options.keep or Path(passing)
        report = soak(folder, options.seconds, options.seed, freeze=not options.no_freeze, rests=options.rests)
    print(report.text())
    return 1 if report.complaints() else 0


if __name__ == "__main__":
    sys.exit(main())
