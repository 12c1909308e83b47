"""How many of the faults that mutmut put into domain the tests found: `python -m scripts.mutation_score`.

Reads what a run of mutmut left in mutants/. A fault counts as found when a test fails, hangs or crashes by it. One that
no test runs counts as missed, and so does one that changes nothing that anybody could see: no list of exceptions makes
the score look better than it is.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.results_page import put

BLOCK = "mutation"
FOLDER = Path(__file__).resolve().parents[1] / "mutants"
LEAST_PERCENT = 85.0
SEED = 12
# What mutmut writes as the end of a mutant's tests: pytest failed, it broke off, it had to be stopped, it died.
_FOUND = frozenset({1, 3, 36, 24, -24, 152, 255, -9, -11})


@dataclass(frozen=True, slots=True)
class Score:
    """Of one package or of all. undecided: mutants that the run did not come to."""

    found: int
    missed: int
    undecided: int = 0

    @property
    def percent(self) -> float:
        """100 where there was nothing to find."""
        return 100.0 * self.found / (self.found + self.missed) if self.found + self.missed else 100.0

    def __add__(self, other: Score) -> Score:
        return Score(self.found + other.found, self.missed + other.missed, self.undecided + other.undecided)


def score(exits: Iterable[int | None]) -> Score:
    """exits: how each mutant's tests ended; None where they did not run."""
    ends = list(exits)
    undecided = sum(end is None for end in ends)
    found = sum(end in _FOUND for end in ends)
    return Score(found, len(ends) - found - undecided, undecided)


def read(folder: Path) -> dict[str, Score]:
    """The score of each package of domain: of `catalog`, `hub` ... and of the modules beside them."""
    found: dict[str, Score] = {}
    for path in sorted((folder / "domain").rglob("*.meta")):
        parts = path.relative_to(folder / "domain").parts
        package = parts[0] if len(parts) > 1 else "beside them"
        ends = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].values()
        found[package] = found.get(package, Score(0, 0)) + score(ends)
    return found


def sample(folder: Path, count: int) -> list[str]:
    """The names of so many faults, drawn from all of them by SEED: the same ones until the sources change."""
    names: list[str] = []
    for path in sorted((folder / "domain").rglob("*.meta")):
        names += json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return random.Random(SEED).sample(sorted(names), min(count, len(names)))  # noqa: S311 - no secret


def table(scores: Mapping[str, Score]) -> str:
    """The results as Markdown; the last row is the whole."""
    rows = [*scores.items(), ("**all**", sum(scores.values(), Score(0, 0)))]
    lines = ["| package of domain | faults | found | missed | score |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {name} | {each.found + each.missed} | {each.found} | {each.missed} | {each.percent:.1f} % |"
        for name, each in rows
    ]
    undecided = rows[-1][1].undecided
    return "\n".join([*lines, *(["", f"{undecided} more were not tried."] if undecided else [])])


def main(arguments: Sequence[str]) -> int:
    """0 when the score is high enough, 1 when it is not, 2 when there are no results."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mutation_score", allow_abbrev=False)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="what mutmut left")
    parser.add_argument("--report", type=Path, help="a Markdown page; its block of results is written anew")
    parser.add_argument("--sample", type=int, help="only print the names of so many faults, drawn by a fixed seed")
    options = parser.parse_args(arguments)
    if options.sample is not None:
        print("\n".join(sample(options.folder, options.sample)))
        return 0
    scores = read(options.folder)
    whole = sum(scores.values(), Score(0, 0))
    if not whole.found + whole.missed:
        print(f"{options.folder} holds no results: run `make mutation`", file=sys.stderr)
        return 2
    print(table(scores))
    if options.report:
        put(options.report, BLOCK, table(scores))
    return 0 if whole.percent >= LEAST_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
