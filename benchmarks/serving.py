"""Streams against a server, beside the raw loop on the same model in the same run.

    python -m benchmarks.serving                            builds a miniature and serves it with `mlxk serve`
    python -m benchmarks.serving --model FOLDER             serves this model instead
    python -m benchmarks.serving --url http://host:port/v1 --model NAME [--raw FOLDER]    drives any server

Every round measures each number of streams on the raw loop and on the server, one after the other, so that a drifting
machine hits both; a share is the median of the rounds' own ratios. The first round is not counted. Prompts are distinct,
answers greedy. --blas: a fast BLAS to preload, for both sides alike.
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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.stream_load import LoadResult, measure

ROOT = Path(__file__).resolve().parents[1]
WORDS = (
    "the quick brown fox jumps over a lazy dog while seven wizards brew strong potions near old stone bridges".split()
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
        return LoadResult(answer["seconds"], answer["tokens"], tuple(answer["first_token_seconds"]), ())


@contextmanager
def served(model: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """`mlxk serve` on a free port: (base URL, model name)."""
    command = [sys.executable, str(ROOT / "mlxk" / "__main__.py"), "serve", "--model", model, "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=ROOT, env=values, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        if not told:
            raise SystemExit("mlxk serve did not start")
        facts = json.loads(told)["data"]
        try:
            yield f"{facts['url']}/v1", facts["model"]
        finally:
            process.terminate()


def percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def row(streams: int, loads: Sequence[LoadResult], raws: Sequence[LoadResult]) -> dict[str, Any]:
    """Medians over the rounds; milliseconds."""
    table: dict[str, Any] = {"streams": streams}
    for name, each in (("raw", raws), ("server", loads)):
        if each:
            table[f"{name}_tokens_per_second"] = statistics.median(one.tokens_per_second for one in each)
            for percent in (50, 95):
                firsts = [percentile(one.first_token_seconds, percent) * 1000 for one in each]
                table[f"{name}_first_token_ms_p{percent}"] = statistics.median(firsts)
    if raws:
        ratios = [load.tokens_per_second / raw.tokens_per_second for load, raw in zip(loads, raws, strict=True)]
        table["share_of_raw"] = statistics.median(ratios)
    table["errors"] = [error for load in loads for error in load.errors]
    return table


def show(rows: Sequence[dict[str, Any]]) -> None:
    print(
        f"{'streams':>7} {'raw tok/s':>10} {'ttft p50/p95':>13} {'server tok/s':>13} {'ttft p50/p95':>13} {'share':>6} errors"
    )
    for each in rows:
        cells = []
        for name in ("raw", "server"):
            rate, p50, p95 = (each.get(f"{name}_{key}") for key in FIGURES)
            cells += ["", ""] if rate is None else [f"{rate:.0f}", f"{p50:.0f}/{p95:.0f}"]
        share = f"{each['share_of_raw']:.2f}" if "share_of_raw" in each else ""
        print(
            f"{each['streams']:>7} {cells[0]:>10} {cells[1]:>13} {cells[2]:>13} {cells[3]:>13} {share:>6} {len(each['errors'])}"
        )
        for error in dict.fromkeys(each["errors"]):
            print(f"        {error}")


FIGURES = ("tokens_per_second", "first_token_ms_p50", "first_token_ms_p95")


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
        folder = options.raw or (None if options.url else options.model)
        if folder is None and options.url is None:
            folder = held.enter_context(tempfile.TemporaryDirectory())
            subprocess.run([sys.executable, "-m", "benchmarks.raw_loop", "--build", folder], cwd=ROOT, check=True)
        raw = held.enter_context(RawLoop(folder, values)) if folder else None
        url, model = (options.url, options.model) if options.url else held.enter_context(served(folder, values))
        loads: dict[int, list[LoadResult]] = {count: [] for count in options.streams}
        raws: dict[int, list[LoadResult]] = {count: [] for count in options.streams}
        for number in range(options.runs + 1):
            for count in options.streams:
                texts = prompts(count, options.prompt_characters, seed=number * 1000 + count)
                beside = raw.measure(texts, options.max_tokens) if raw else None
                load = measure(url, model, texts, options.max_tokens)
                if number:
                    loads[count].append(load)
                    raws[count] += [beside] if beside else []
    rows = [row(count, loads[count], raws[count]) for count in options.streams]
    if options.json:
        print(json.dumps(rows))
    else:
        show(rows)


if __name__ == "__main__":
    main()
