"""`scripts/test-multi-python.sh`: the suite on every Python from 3.11 to 3.14 that is found, with both ends of the
libraries. Each run adds its rows to the table; those of environments that it leaves out stay.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scripts.multi_python.environments import QUICK, ROOT, Environments, Outcome
from scripts.multi_python.interpreters import OLDER, SUPPORTED, Interpreter, find
from scripts.multi_python.libraries import MLX, Libraries
from scripts.results_page import put

BLOCK = "multi-python"


def main(arguments: Sequence[str]) -> int:
    """0 when everything that ran passed, else 1; 2 for options that make no sense."""
    options = _options(arguments)
    wanted = [each for each in SUPPORTED if not options.python or ".".join(map(str, each)) in options.python]
    found = {each: find(each) for each in SUPPORTED}
    if options.list:
        _print_list({each: found[each] for each in wanted}, options.libraries)
        return 0
    environments = Environments(options.folder)
    ran = []
    for interpreter in filter(None, map(found.get, wanted)):
        for libraries in options.libraries:
            print(f"Python {interpreter.version}, {libraries} libraries ...", flush=True)
            ran.append(environments.outcome(interpreter, Libraries(libraries), QUICK if options.quick else ()))
            print(f"  {ran[-1].words}", flush=True)
    refused = [environments.refusal(each) for version in OLDER if (each := find(version)) is not None]
    text = table([*known(environments, found), *refused])
    print(text)
    if options.report:
        put(options.report, BLOCK, text)
    return 0 if ran and all(each.passed for each in (*ran, *refused)) else 1


def known(environments: Environments, found: Mapping[tuple[int, int], Interpreter | None]) -> Iterable[Outcome]:
    """Of every supported Python, what came of it when it was last tried."""
    for version, interpreter in found.items():
        if interpreter is None:
            yield Outcome(".".join(map(str, version)), "", "not found on this machine", passed=True)
            continue
        for libraries in Libraries:
            last = environments.last(interpreter, libraries)
            yield last or Outcome(interpreter.version, libraries, "not tried", passed=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/test-multi-python.sh", description=__doc__, allow_abbrev=False)
    versions, ends = [".".join(map(str, each)) for each in SUPPORTED], [each.value for each in Libraries]
    parser.add_argument("--list", action="store_true", help="say what was found and what would run, and run nothing")
    parser.add_argument("--quick", action="store_true", help="a part of the suite, of about three minutes")
    parser.add_argument("--python", action="append", choices=versions, help="only this version; may be repeated")
    parser.add_argument("--libraries", action="append", choices=ends, help="only this end; may be repeated")
    parser.add_argument("--report", type=Path, help="a Markdown page; its block of results is written anew")
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv-multi", help="where environments and logs lie")
    options = parser.parse_args(arguments)
    options.libraries = options.libraries or ends
    return options


def _print_list(found: Mapping[tuple[int, int], Interpreter | None], libraries: Sequence[str]) -> None:
    for version, interpreter in found.items():
        words = f"{interpreter.path} ({interpreter.version})" if interpreter else "not found"
        print(f"{'.'.join(map(str, version))}: {words}")
    print(f"libraries: {' and '.join(libraries)}")


def table(outcomes: Sequence[Outcome]) -> str:
    """The results as Markdown."""
    lines = [_row("Python", "libraries", *MLX, "suite", "result", "minutes", "day"), _row(*["---"] * (len(MLX) + 6))]
    for each in outcomes:
        versions = [each.versions.get(name, "") for name in MLX]
        minutes = f"{each.seconds / 60:.1f}" if each.seconds else ""
        lines.append(_row(each.python, each.libraries, *versions, each.suite, each.words, minutes, each.day))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
