"""Start-up of mlxk as multiples of `python -c pass` in the same run.

    python -m benchmarks.startup [--runs 5] [--models 10] [--json]

Bytecode of both sides is compiled first: without .pyc files a start is several times slower, and the environment may
forbid writing them on the way. Each figure is the median of `--runs` rounds; a round starts every command once, so that
a drifting machine hits all alike, after one unmeasured round.
"""

from __future__ import annotations

import argparse
import compileall
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ("mlxk", "domain", "ports", "application", "adapters", "entrypoints")
GOALS = {"mlxk --version": 3.0, "mlxk list --json": 14.0}


def make_cache(folder: Path, models: int) -> None:
    """A Hugging Face cache of small, sound MLX models."""
    header = json.dumps({"w": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + b"\0\0"
    files = {
        "config.json": json.dumps(
            {"model_type": "llama", "max_position_embeddings": 4096, "quantization": {"bits": 4}}
        ),
        "tokenizer.json": "{}",
        "tokenizer_config.json": json.dumps({"chat_template": "{{ messages }}"}),
    }
    for number in range(models):
        revision = f"{number:040x}"
        snapshot = folder / f"models--mlx-community--bench-{number}" / "snapshots" / revision
        snapshot.mkdir(parents=True)
        for name, text in files.items():
            (snapshot / name).write_text(text)
        (snapshot / "model.safetensors").write_bytes(weights)
        refs = snapshot.parents[1] / "refs"
        refs.mkdir()
        (refs / "main").write_text(revision)


def seconds(command: list[str], environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def compile_all(folders: Sequence[str]) -> None:
    """Bytecode of these and the container's modules."""
    for folder in folders:
        compileall.compile_dir(ROOT / folder, quiet=1)
    for module in ROOT.glob("container*.py"):
        compileall.compile_file(module, quiet=1)


def measure(runs: int, models: int) -> dict[str, float]:
    """Median seconds by command."""
    compile_all(OURS)
    launcher = [sys.executable, str(ROOT / "mlxk" / "__main__.py")]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import fire'": [sys.executable, "-c", "import fire"],
        "mlxk --version": [*launcher, "--version"],
        "mlxk list --json": [*launcher, "list", "--json"],
        "mlxk show demo --json": [*launcher, "show", "demo", "--json"],
    }
    with tempfile.TemporaryDirectory() as home:
        make_cache(Path(home) / "hub", models)
        environment = {"HOME": home, "HF_HUB_CACHE": f"{home}/hub", "PATH": "/usr/bin:/bin"}
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for round_number in range(runs + 1):
            for name, command in commands.items():
                duration = seconds(command, environment)
                if round_number:
                    taken[name].append(duration)
    return {name: statistics.median(each) for name, each in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    medians = measure(options.runs, options.models)
    bare = medians["python -c pass"]
    rows = [
        {"command": name, "ms": each * 1000, "x": each / bare, "goal": GOALS.get(name)}
        for name, each in medians.items()
    ]
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'command':<26}{'ms':>8}{'x bare':>9}{'goal':>7}")
    for name, each in medians.items():
        goal = f"{GOALS[name]:.0f}" if name in GOALS else ""
        print(f"{name:<26}{each * 1000:>8.1f}{each / bare:>9.2f}{goal:>7}")


if __name__ == "__main__":
    main()
