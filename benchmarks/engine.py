"""Our engine beside mlx-lm's BatchGenerator ("raw"), in one process, in turn, without HTTP.

python -m benchmarks.engine [--blas LIBRARY] [--rows 1 4 8 16 32] [--max-tokens 128] [--prompt-tokens 200] [--runs 5]

--blas runs all of it in a child with that library preloaded. Shares are medians of the rounds' own ratios of tokens a
second, from handing over the prompts to the last token. greedy, seeded: raw is greedy in both. burst: 32 short prompts
at once, of one length and of many, 32 tokens each.
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
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

BURST_ROWS, BURST_TOKENS = 32, 32
CHILD = "MLXK_BENCHMARK_CHILD"


@dataclass(frozen=True, slots=True)
class Run:
    """first_seconds: of each row, from handing over the prompts."""

    seconds: float
    cpu_seconds: float
    tokens: int
    first_seconds: list[float]

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    rows: int
    raw_rate: float
    share: float
    lowest: float
    highest: float
    cpu_share: float
    first_ms: float
    raw_first_ms: float
    first_p95_share: float


Prompts = list[list[int]]


def run_raw(model: Any, prompts: Prompts, max_tokens: int) -> Run:
    from mlx_lm.generate import BatchGenerator

    begin, cpu_begin = time.perf_counter(), time.process_time()
    generator = BatchGenerator(model, max_tokens=max_tokens)
    running = set(generator.insert(prompts, [max_tokens] * len(prompts)))
    first: dict[int, float] = {}
    count = 0
    while running:
        for response in generator.next_generated():
            count += 1
            first.setdefault(response.uid, time.perf_counter() - begin)
            if response.finish_reason is not None:
                running.discard(response.uid)
    seconds = time.perf_counter() - begin
    generator.close()
    return Run(seconds, time.process_time() - cpu_begin, count, list(first.values()))


def run_ours(engine: Any, prompts: Prompts, max_tokens: int, seeded: bool) -> Run:
    from domain.inference import Sampling
    from ports.text_engine import EngineRow

    begin, cpu_begin = time.perf_counter(), time.process_time()
    for at, prompt in enumerate(prompts):
        sampling = Sampling(0.7, 0.9, seed=at) if seeded else Sampling(0.0, 1.0, seed=0)
        engine.admit(EngineRow(at, tuple(prompt), max_tokens, sampling))
    first: dict[int, float] = {}
    count = 0
    while engine.active_rows:
        for step in engine.step():
            assert step.error is None, step.error
            count += 1
            first.setdefault(step.row_id, time.perf_counter() - begin)
    return Run(time.perf_counter() - begin, time.process_time() - cpu_begin, count, list(first.values()))


def prompts_of(lengths: Sequence[int], vocabulary: int, seed: int) -> Prompts:
    chance = random.Random(seed)  # noqa: S311
    return [[chance.randrange(vocabulary) for _ in range(length)] for length in lengths]


def compared(name: str, runs: int, raw: Callable[[int], Run], ours: Callable[[int], Run]) -> Line:
    """The first round warms up and does not count."""
    pairs: list[tuple[Run, Run]] = []
    for number in range(runs + 1):
        if number % 2:
            first = raw(number)
            second = ours(number)
        else:
            second = ours(number)
            first = raw(number)
        if number:
            pairs.append((first, second))
    shares = [mine.rate / its.rate for its, mine in pairs]
    return Line(
        name=name,
        rows=len(pairs[0][0].first_seconds),
        raw_rate=statistics.median(its.rate for its, _ in pairs),
        share=statistics.median(shares),
        lowest=min(shares),
        highest=max(shares),
        cpu_share=statistics.median(its.cpu_seconds / mine.cpu_seconds for its, mine in pairs),
        first_ms=1000 * statistics.median(statistics.median(mine.first_seconds) for _, mine in pairs),
        raw_first_ms=1000 * statistics.median(statistics.median(its.first_seconds) for its, _ in pairs),
        first_p95_share=statistics.median(_p95(mine) / _p95(its) for its, mine in pairs),
    )


def _p95(run: Run) -> float:
    return sorted(run.first_seconds)[int(0.95 * (len(run.first_seconds) - 1))]


def measure(options: argparse.Namespace) -> list[Line]:
    from mlx_lm import load

    from adapters.inference.mlx_process import configure_mlx
    from adapters.inference.text_engine import MlxTextEngine
    from benchmarks.raw_loop import MINIATURE

    configure_mlx()
    with tempfile.TemporaryDirectory() as folder:
        model, _tokenizer, *_ = load(str(options.model or MINIATURE.build(Path(folder))))
    engine = MlxTextEngine(model, frozenset())
    vocabulary = 256
    lines: list[Line] = []

    def add(name: str, lengths: Callable[[int], list[int]], max_tokens: int) -> None:
        def prompts(number: int) -> Prompts:
            return prompts_of(lengths(number), vocabulary, seed=number)

        lines.append(
            compared(
                name,
                options.runs,
                lambda number: run_raw(model, prompts(number), max_tokens),
                lambda number: run_ours(engine, prompts(number), max_tokens, name == "seeded"),
            )
        )
        show(lines[-1])

    for name in options.parts:
        if name == "burst":
            for middle, width in ((8, 0), (32, 0), (24, 16)):
                lengths = partial(spread, middle, BURST_ROWS, width=width)
                add(f"burst of {middle - width} to {middle + width}", lengths, BURST_TOKENS)
            continue
        for count in options.rows:
            lengths = partial(spread, options.prompt_tokens, count)
            add(name, lengths, options.max_tokens)
    return lines


def spread(middle: int, count: int, number: int, width: int | None = None) -> list[int]:
    """So many lengths around the middle; by a tenth where nothing is said."""
    chance = random.Random(number)  # noqa: S311
    width = max(1, middle // 10) if width is None else width
    return [middle + chance.randint(-width, width) for _ in range(count)]


def show(line: Line) -> None:
    print(
        f"{line.name:20} {line.rows:3} rows  raw {line.raw_rate:7.0f} tok/s  share {line.share:.2f} "
        f"({line.lowest:.2f}-{line.highest:.2f}) cpu {line.cpu_share:.2f}  "
        f"first token {line.first_ms:.0f} ms, raw {line.raw_first_ms:.0f} ms, "
        f"p95 share {line.first_p95_share:.2f}",
        file=sys.stderr,
        flush=True,
    )


def preloaded(blas: str) -> dict[str, str]:
    settings = {"MKL_INTERFACE_LAYER": "LP64", "MKL_THREADING_LAYER": "SEQUENTIAL", "MKL_NUM_THREADS": "1"}
    return {**os.environ, "LD_PRELOAD": blas, CHILD: "1", **settings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder of a model; default: the benchmark's miniature")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--parts", nargs="+", default=["greedy", "seeded", "burst"])
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--prompt-tokens", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--blas", help="library to preload")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.blas and CHILD not in os.environ:
        command = [sys.executable, "-m", "benchmarks.engine", *sys.argv[1:]]
        raise SystemExit(subprocess.run(command, env=preloaded(options.blas), check=False).returncode)
    lines = measure(options)
    if options.json:
        print(json.dumps([asdict(line) for line in lines]))


if __name__ == "__main__":
    main()
