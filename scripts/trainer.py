"""What the scripts that train models have in common: how they are called, and a fast BLAS under them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.train_demo.blas import restart_with_fast_blas

_PRIVATE_BLAS = Path("build/train_demo/mkl")


@dataclass(frozen=True, slots=True)
class Script:
    """module: what `python -m` runs. what: it trains. tiny: what `--tiny` makes instead."""

    module: str
    what: str
    tiny: str


def called(script: Script, argv: list[str]) -> argparse.Namespace:
    """The arguments: out, seed, tiny. On Linux the process may be replaced by itself with a fast BLAS; so MLX is to be
    imported after this. Exits with 1 where no such BLAS can be had.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {script.module}", description=f"Train {script.what}.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same machine: same weights")
    parser.add_argument("--tiny", action="store_true", help=script.tiny)
    parser.add_argument("--slow-blas", action="store_true", help="do not look for a fast BLAS (Linux)")
    parser.add_argument("--blas-folder", type=Path, default=_PRIVATE_BLAS, help="where MKL is installed if need be")
    arguments = parser.parse_args(argv)
    if not (arguments.slow_blas or arguments.tiny):
        try:
            restart_with_fast_blas(script.module, argv, arguments.blas_folder)
        except OSError as error:
            print(f"no fast BLAS: {error}", file=sys.stderr)
            sys.exit(1)
    return arguments
