"""Streams against a server, beside the raw loop on the same model in the same run.

    python -m benchmarks.serving                            builds a miniature and serves it with `mlxk serve`
    python -m benchmarks.serving --model FOLDER             serves this model instead
    python -m benchmarks.serving --url http://host:port/v1 --model NAME [--raw FOLDER]    drives any server

Every round measures each number of streams on the raw loop and on the server, one after the other, the first of them by
turns, so that a drifting machine hits both; a share is the median of the rounds' own ratios, with the lowest and the
highest beside it: when these lie far apart, the machine was not idle and the figures mean nothing. The first round is
not counted. Prompts are distinct, answers greedy. --blas: a fast BLAS to preload, for both sides alike.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.cpu_time import tree_cpu_seconds
from benchmarks.stream_load import LoadResult, measure

ROOT = Path(__file__).resolve().parents[1]
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "seven",
    "wizards",
    "brew",
    "strong",
    "potions",
    "near",
    "old",
    "stone",
    "bridges",
)


def environment(blas: str | None) -> dict[str, str]:
    """One compute thread on both sides; MKL needs to be told its interface."""
    values = dict(os.environ)
    if blas:
        preload = "DYLD_INSERT_LIBRARIES" if sys.platform == "darwin" else "LD_PRELOAD"
        values |= {preload: blas, "MKL_INTERFACE_LAYER": "LP64", "MKL_THREADING_LAYER": "SEQUENTIAL"}
    return values | {"MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def prompts(count: int, characters: int, seed: int) -> list[str]:
    """Distinct from their first word on, about so many characters each."""
    chance = random.Random(seed)  # noqa: S311
    texts = []
    for number in range(count):
        text = f"{seed}-{number}"
        while len(text) < characters:
            text += " " + chance.choice(WORDS)
        texts.append(text[:characters])
    return texts


def built(folder: str) -> str:
    """The benchmark's own miniature, in this folder."""
    subprocess.run([sys.executable, "-m", "benchmarks.raw_loop", "--build", folder], cwd=ROOT, check=True)
    return folder


class RawLoop:
    """mlx_lm in a process of its own."""

    def __init__(self, folder: str, values: dict[str, str]) -> None:
        command = [sys.executable, "-m", "benchmarks.raw_loop", folder]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=values, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> RawLoop:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def measure(self, texts: Sequence[str], max_tokens: int) -> LoadResult:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"prompts": texts, "max_tokens": max_tokens}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return LoadResult(**{**answer, "first_token_seconds": tuple(answer["first_token_seconds"]), "errors": ()})


def first_object(lines: Iterable[str]) -> dict[str, Any]:
    """The first JSON object, however many lines it takes."""
    text = ""
    for line in lines:
        text += line
        if line.startswith("}") or line.rstrip().endswith("}}"):
            found: dict[str, Any] = json.loads(text)
            return found
    raise SystemExit("mlxk serve did not start")


def measured_server(url: str, model: str, process_id: int | None, texts: Sequence[str], max_tokens: int) -> LoadResult:
    """process_id: the server's, when it is ours: then its processor time is told too."""
    before = tree_cpu_seconds(process_id) if process_id else None
    load = measure(url, model, texts, max_tokens)
    after = tree_cpu_seconds(process_id) if process_id else None
    return load if before is None or after is None else replace(load, cpu_seconds=after - before)


@contextmanager
def served(model: str, values: dict[str, str]) -> Iterator[tuple[str, str, int]]:
    """`mlxk serve` on a free port: (base URL, model name, process id)."""
    command = [sys.executable, str(ROOT / "mlxk" / "__main__.py"), "serve", "--model", model, "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=ROOT, env=values, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        facts = first_object(process.stdout)["data"]
        try:
            yield f"{facts['url']}/v1", facts["model"], process.pid
        finally:
            process.terminate()


def percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def row(streams: int, loads: Sequence[LoadResult], raws: Sequence[LoadResult]) -> dict[str, Any]:
    """Medians over the rounds; milliseconds. cpu_ms_per_token: of all the side's processes; contention moves it far
    less than it moves the wall clock."""
    table: dict[str, Any] = {"streams": streams}
    for name, each in (("raw", raws), ("server", loads)):
        if each:
            table[f"{name}_tokens_per_second"] = statistics.median(one.tokens_per_second for one in each)
            cpu = [one.cpu_seconds / one.tokens * 1000 for one in each if one.cpu_seconds is not None and one.tokens]
            table[f"{name}_cpu_ms_per_token"] = statistics.median(cpu) if cpu else None
            for percent in (50, 95):
                firsts = [percentile(one.first_token_seconds, percent) * 1000 for one in each]
                table[f"{name}_first_token_ms_p{percent}"] = statistics.median(firsts)
    if raws:
        ratios = [load.tokens_per_second / raw.tokens_per_second for load, raw in zip(loads, raws, strict=True)]
        table |= {"share_of_raw": statistics.median(ratios), "share_lowest": min(ratios), "share_highest": max(ratios)}
    table["errors"] = [error for load in loads for error in load.errors]
    return table


def show(rows: Sequence[dict[str, Any]]) -> None:
    layout = "{:>7} {:>9} {:>11} {:>6} {:>12} {:>11} {:>6} {:>18} {:>6}"
    side = ("ttft ms", "cpu ms")
    print(layout.format("streams", "raw tok/s", *side, "server tok/s", *side, "share", "errors"))
    for each in rows:
        cells = []
        for name in ("raw", "server"):
            rate, p50, p95, cpu = (each.get(f"{name}_{key}") for key in FIGURES)
            firsts = "" if rate is None else f"{p50:.0f}/{p95:.0f}"
            cells += ["" if rate is None else f"{rate:.0f}", firsts, "" if cpu is None else f"{cpu:.2f}"]
        share = ""
        if "share_of_raw" in each:
            share = "{share_of_raw:.2f} ({share_lowest:.2f}-{share_highest:.2f})".format(**each)
        print(layout.format(each["streams"], *cells, share, len(each["errors"])))
        for error in dict.fromkeys(each["errors"]):
            print(f"        {error}")


FIGURES = ("tokens_per_second", "first_token_ms_p50", "first_token_ms_p95", "cpu_ms_per_token")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="base URL of a running server, ending in /v1")
    parser.add_argument("--model", help="what to ask for, or to serve")
    parser.add_argument("--raw", help="folder of the same model, for the raw loop beside --url")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--prompt-characters", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--blas", help="library to preload on both sides")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    values = environment(options.blas)
    with ExitStack() as held:
        if options.url:
            url, model, process_id, folder = options.url, options.model, None, options.raw
        else:
            folder = options.model or built(held.enter_context(tempfile.TemporaryDirectory()))
            url, model, process_id = held.enter_context(served(folder, values))
        raw = held.enter_context(RawLoop(folder, values)) if folder else None
        loads: dict[int, list[LoadResult]] = {count: [] for count in options.streams}
        raws: dict[int, list[LoadResult]] = {count: [] for count in options.streams}
        for number in range(options.runs + 1):
            for count in options.streams:
                texts = prompts(count, options.prompt_characters, seed=number * 1000 + count)
                sides = [(loads, partial(measured_server, url, model, process_id, texts, options.max_tokens))]
                if raw:
                    sides.append((raws, partial(raw.measure, texts, options.max_tokens)))
                for results, side in sides if number % 2 else sides[::-1]:
                    measured = side()
                    if number:
                        results[count].append(measured)
    rows = [row(count, loads[count], raws[count]) for count in options.streams]
    if options.json:
        print(json.dumps(rows))
    else:
        show(rows)


if __name__ == "__main__":
    main()
