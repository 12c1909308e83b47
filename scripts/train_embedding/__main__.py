"""Train the embedders and the reranker of the tests: python -m scripts.train_embedding --out FOLDER [--tiny]."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from scripts.train_demo.blas import restart_with_fast_blas

_PRIVATE_BLAS = Path("build/train_demo/mkl")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.train_embedding", description="Train the miniatures.")
    parser.add_argument("--out", type=Path, required=True, help="folder for a folder of each model")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same machine: same weights")
    parser.add_argument("--tiny", action="store_true", help="much smaller models that know nothing, in seconds")
    parser.add_argument("--slow-blas", action="store_true", help="do not look for a fast BLAS (Linux)")
    parser.add_argument("--blas-folder", type=Path, default=_PRIVATE_BLAS, help="where MKL is installed if need be")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Train and save; what the saved files know the tests ask them. Returns the exit code."""
    arguments = _arguments(argv)
    if not (arguments.slow_blas or arguments.tiny):
        try:
            restart_with_fast_blas("scripts.train_embedding", argv, arguments.blas_folder)
        except OSError as error:
            print(f"no fast BLAS: {error}", file=sys.stderr)
            return 1
    # MLX is imported only now: the process may have just been replaced.
    from scripts.train_embedding.build import build
    from scripts.train_embedding.recipe import FULL, TINY

    started = time.monotonic()

    def report(name: str, steps: int, loss: float) -> None:
        print(f"{name} step {steps} loss {loss:.4f} {time.monotonic() - started:.0f} s", flush=True)

    parameters = build(arguments.out, TINY if arguments.tiny else FULL, arguments.seed, report)
    for name, count in parameters.items():
        print(f"{name}: {count} parameters, in {arguments.out / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
