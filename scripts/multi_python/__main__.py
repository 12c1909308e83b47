"""`scripts/test-multi-python.sh`: runs the suite in every environment and writes the table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
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
    found = {each: find(each) for each in wanted}
    if options.list:
        _print_list(found, options.libraries)
        return 0
    environments = Environments(options.folder)
    outcomes: list[Outcome] = []
    for version, interpreter in found.items():
        if interpreter is None:
            outcomes.append(Outcome(".".join(map(str, version)), "", "not found on this machine", passed=True))
            continue
        for libraries in options.libraries:
            print(f"Python {interpreter.version}, {libraries} libraries ...", flush=True)
            outcomes.append(environments.outcome(interpreter, Libraries(libraries), QUICK if options.quick else ()))
            print(f"  {outcomes[-1].words}", flush=True)
    if not options.python:
        outcomes += [environments.refusal(each) for version in OLDER if (each := find(version)) is not None]
    text = table(outcomes, "a part of the suite (`--quick`)" if options.quick else "the whole suite")
    print(text)
    if options.report:
        put(options.report, BLOCK, text)
    ran = [each for each in outcomes if each.libraries]
    return 0 if ran and all(each.passed for each in outcomes) else 1


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


def _print_list(found: dict[tuple[int, int], Interpreter | None], libraries: Sequence[str]) -> None:
    for version, interpreter in found.items():
        words = f"{interpreter.path} ({interpreter.version})" if interpreter else "not found"
        print(f"{'.'.join(map(str, version))}: {words}")
    print(f"libraries: {' and '.join(libraries)}")


def table(outcomes: Sequence[Outcome], suite: str) -> str:
    """The results as Markdown."""
    lines = [f"{time.strftime('%Y-%m-%d', time.gmtime())}, {sys.platform}, {suite}:", ""]
    lines += [_row("Python", "libraries", *MLX, "result", "minutes"), _row(*["---"] * (len(MLX) + 4))]
    for each in outcomes:
        versions = [each.versions.get(name, "") for name in MLX]
        minutes = f"{each.seconds / 60:.1f}" if each.seconds else ""
        lines.append(_row(each.python, each.libraries, *versions, each.words, minutes))
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
