"""Train the vision model of the tests: python -m scripts.train_vision --out FOLDER [--seed N] [--tiny]."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from scripts.train_demo.blas import restart_with_fast_blas

_PRIVATE_BLAS = Path("build/train_demo/mkl")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.train_vision", description="Train the vision model.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model's files")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same machine: same weights")
    parser.add_argument("--tiny", action="store_true", help="a much smaller model that knows nothing, in seconds")
    parser.add_argument("--slow-blas", action="store_true", help="do not look for a fast BLAS (Linux)")
    parser.add_argument("--blas-folder", type=Path, default=_PRIVATE_BLAS, help="where MKL is installed if need be")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Train, save, ask the saved files, print what came out. Returns the exit code."""
    arguments = _arguments(argv)
    if not (arguments.slow_blas or arguments.tiny):
        try:
            restart_with_fast_blas("scripts.train_vision", argv, arguments.blas_folder)
        except OSError as error:
            print(f"no fast BLAS: {error}", file=sys.stderr)
            return 1
    # MLX is imported only now: the process may have just been replaced.
    from scripts.train_vision.build import build

    started = time.monotonic()

    def report(steps: int, loss: float) -> None:
        print(f"step {steps} loss {loss:.4f} {time.monotonic() - started:.0f} s", flush=True)

    result = build(arguments.out, arguments.seed, arguments.tiny, report)
    print(f"{result.parameters} parameters, {time.monotonic() - started:.0f} s, in {arguments.out}")
    for name, scores in (("plain", result.plain), ("with notes before pictures", result.noted)):
        print(f"{name}:")
        for text, told in scores.items():
            print("\n    ".join([f"  {text} {told.right} of {told.total}", *told.wrong[:5]]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
