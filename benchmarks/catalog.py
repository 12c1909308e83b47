"""`mlxk list --json`, with every verdict, beside `hf cache ls` on the same generated caches in one run.

    python -m benchmarks.catalog [--sizes 10,100,1000,5000] [--runs 5] [--peer "COMMAND"] [--json]

Per size: `hf cache ls`; ours the first time (its index wiped before each run), from the second run on, and `health`;
`show` of one model; and whatever `--peer` names, such as another tool's `list --json` (it finds the cache by HF_HOME).
Each figure is the median of `--runs` rounds;
a round starts every command once, so that a drifting machine hits all alike. Bytecode of both sides is compiled first.
The models have the files of real conversions: about eight, one in five with two shards, weights without their bytes.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub

from tests.support.model_zoo.bulk import fill_cache

ROOT = Path(__file__).resolve().parents[1]
OURS = ("mlxk", "domain", "ports", "application", "adapters", "entrypoints")
LAUNCHER = (sys.executable, str(ROOT / "mlxk" / "__main__.py"))
FIRST, AGAIN = "list --json, first time", "list --json, second time on"
GOALS = {FIRST: 0.6, AGAIN: 0.3}
GOAL_MEMORY_MB = 80
# The index remembers nothing that changed a moment ago.
SETTLING_SECONDS = 2.5


@dataclass(frozen=True)
class Figure:
    """seconds: median. share: of `hf cache ls` in the same rounds. peak_mb: the largest resident size."""

    seconds: float
    share: float
    peak_mb: int


def run_once(command: Sequence[str], environment: dict[str, str]) -> tuple[float, int]:
    """Seconds and peak resident megabytes of one command."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    duration = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} failed"
    return duration, _megabytes(usage)


def _megabytes(usage: resource.struct_rusage) -> int:
    return int(usage.ru_maxrss) // (1024 * 1024 if sys.platform == "darwin" else 1024)


def measure(models: int, runs: int, peer: Sequence[str] = ()) -> dict[str, Figure]:
    """All commands over one cache of `models` models."""
    with tempfile.TemporaryDirectory() as home:
        hub = Path(home) / "hf" / "hub"
        fill_cache(hub, models)
        time.sleep(SETTLING_SECONDS)
        environment = {"HOME": home, "HF_HOME": str(hub.parent), "PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"}
        index = Path(home) / ".index"
        environment["XDG_CACHE_HOME"] = str(index)
        name = sorted(path.name for path in hub.glob("models--*"))[0].removeprefix("models--").replace("--", "/", 1)
        hf = [str(Path(sys.executable).parent / "hf"), "cache", "ls", "--cache-dir", str(hub), "--json"]

        def wipe() -> None:
            for folder in (index, Path(home) / "Library"):
                shutil.rmtree(folder, ignore_errors=True)

        steps: list[tuple[str, Sequence[str], Callable[[], None] | None]] = [
            ("hf cache ls", hf, None),
            (FIRST, [*LAUNCHER, "list", "--json"], wipe),
            (AGAIN, [*LAUNCHER, "list", "--json"], None),
            ("health --json", [*LAUNCHER, "health", "--json"], None),
            ("show --json", [*LAUNCHER, "show", name, "--json"], None),
            ("--version", [*LAUNCHER, "--version"], None),
        ]
        if peer:
            steps.append((" ".join(peer)[:30], peer, None))
        taken: dict[str, list[tuple[float, int]]] = {label: [] for label, _, _ in steps}
        for round_number in range(runs + 1):
            for label, command, before in steps:
                if before is not None:
                    before()
                result = run_once(command, environment)
                if round_number:
                    taken[label].append(result)
    yardstick = statistics.median(seconds for seconds, _ in taken["hf cache ls"])
    return {label: _figure(results, yardstick) for label, results in taken.items()}


def _figure(results: Sequence[tuple[float, int]], yardstick: float) -> Figure:
    seconds = statistics.median(seconds for seconds, _ in results)
    return Figure(seconds, seconds / yardstick, max(peak for _, peak in results))


def report(models: int, figures: dict[str, Figure]) -> None:
    print(f"\n{models} models{'':<24}seconds  of hf   peak MB")
    for label, figure in figures.items():
        goal = GOALS.get(label) if models >= 1000 else None
        met = "" if goal is None else f"   goal {goal:.1f}: {'met' if figure.share <= goal else 'MISSED'}"
        print(f"  {label:<32}{figure.seconds:>8.3f}{figure.share:>7.2f}{figure.peak_mb:>9}{met}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10,100,1000,5000")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer", default="", help="a command to measure beside ours")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for folder in (*(ROOT / name for name in OURS), Path(huggingface_hub.__file__).parent):
        compileall.compile_dir(folder, quiet=1)
    compileall.compile_file(ROOT / "container.py", quiet=1)
    everything = {}
    for size in map(int, options.sizes.split(",")):
        figures = measure(size, options.runs, shlex.split(options.peer))
        everything[size] = {label: vars(figure) for label, figure in figures.items()}
        if not options.json:
            report(size, figures)
    if options.json:
        print(json.dumps(everything, indent=2))


if __name__ == "__main__":
    main()
