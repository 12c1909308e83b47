"""First token of `mlxk run`, alone and with a running server that holds the model, beside `mlx_lm.generate`.

    python -m benchmarks.run [--runs 5] [--json]

Each side is a fresh process on a pseudo-terminal, asked the same question of the built-in model; measured from its
start to the first byte of the answer. Medians of `--runs` rounds; a round starts every side once, after an unmeasured
one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from benchmarks.startup import OURS, ROOT, compile_all

QUESTION = "Who are you?"
MODEL = ROOT / "adapters" / "builtin_model" / "demo"
LAUNCHER = [sys.executable, str(ROOT / "mlxk" / "__main__.py")]
RUN = [*LAUNCHER, "run", "demo", QUESTION, "--temperature", "0"]
RAW = [
    *(sys.executable, "-c", "from mlx_lm.generate import main; main()"),  # what its console script does
    *("--model", str(MODEL), "--prompt", QUESTION, "--temp", "0", "--max-tokens", "64"),
]
RULER = b"=" * 10  # mlx_lm.generate's line before the answer
GOALS = {"mlxk run": 1.0, "mlxk run, model in a running server": 0.1}


def first_token_seconds(command: list[str], home: str, after: bytes = b"") -> float:
    """From the start of the process to the first byte of its answer, which follows `after` and a line end."""
    terminal, side = os.openpty()
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment(home), stdin=subprocess.DEVNULL, stdout=side, stderr=subprocess.DEVNULL
    )
    os.close(side)
    seen, taken = b"", 0.0
    with contextlib.suppress(OSError):  # how a pseudo-terminal says that the other side has gone
        while piece := os.read(terminal, 4096):
            seen += piece
            if not taken and seen[seen.find(after) + len(after) :].strip() and after in seen:
                taken = time.perf_counter() - begin
    os.close(terminal)
    assert process.wait() == 0, (command, seen)
    assert taken, (command, seen)
    return taken


def environment(home: str) -> dict[str, str]:
    return {"HOME": home, "PATH": "/usr/bin:/bin", "TERM": "dumb", "HF_HUB_OFFLINE": "1"}


@contextlib.contextmanager
def server(home: str) -> Iterator[None]:
    """A server of that home's user, with the model loaded."""
    command = [*LAUNCHER, "serve", "--model", "demo", "--port", "0", "--json"]
    with subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(b"}"):
            assert process.poll() is None
        try:
            yield
        finally:
            process.terminate()


def measure(runs: int) -> dict[str, float]:
    """Median seconds by side."""
    compile_all(OURS)
    with tempfile.TemporaryDirectory() as alone, tempfile.TemporaryDirectory() as served:
        sides = {
            "mlx_lm.generate": (RAW, alone, RULER),
            "mlxk run": (RUN, alone, b""),
            "mlxk run, model in a running server": (RUN, served, b""),
            "mlxk --version": ([*LAUNCHER, "--version"], alone, b""),
        }
        taken: dict[str, list[float]] = {name: [] for name in sides}
        with server(served):
            for number in range(runs + 1):
                for name, (command, home, after) in sides.items():
                    seconds = first_token_seconds(command, home, after)
                    if number:
                        taken[name].append(seconds)
    return {name: statistics.median(each) for name, each in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    medians = measure(options.runs)
    raw = medians["mlx_lm.generate"]
    if options.json:
        print(json.dumps({name: {"seconds": each, "share": each / raw} for name, each in medians.items()}))
        return
    print(f"{'first token of':<40}{'ms':>8}{'share':>8}{'goal':>7}")
    for name, each in medians.items():
        print(f"{name:<40}{each * 1000:>8.0f}{each / raw:>8.2f}{GOALS.get(name, ''):>7}")


if __name__ == "__main__":
    main()
