"""A fast matrix product for training on Linux.

MLX's CPU build for Linux links the reference BLAS, which makes training about ten times slower than it need be. The
dynamic loader takes another one when it is preloaded: OpenBLAS or MKL of the system, or MKL from the package index,
installed into a folder of its own. macOS has Accelerate and needs nothing.
"""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_ALREADY_DONE: Final = "MLXK_TRAIN_BLAS"
_SETTINGS: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_INTERFACE_LAYER": "LP64",
    "MKL_THREADING_LAYER": "SEQUENTIAL",
    "MKL_NUM_THREADS": "1",
}


def system_blas() -> str | None:
    """What the dynamic loader calls the fast BLAS of this system, or None."""
    return ctypes.util.find_library("openblas") or ctypes.util.find_library("mkl_rt")


def private_blas(folder: Path) -> Path | None:
    """The MKL that `install_private_blas` put under `folder`, or None."""
    return next(iter(sorted((folder / "lib").glob("libmkl_rt.so*"))), None)


def install_private_blas(folder: Path) -> Path:
    """Install MKL (about 1 GB on disk) into an environment of its own under `folder`; raises OSError if that fails."""
    venv.create(folder, with_pip=True, clear=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "mkl"]
    if subprocess.run(command, check=False).returncode != 0:
        raise OSError(f"cannot install mkl into {folder}; install OpenBLAS on this system or pass --slow-blas")
    library = private_blas(folder)
    if library is None:
        raise OSError(f"the mkl package put no libmkl_rt.so into {folder}/lib; pass --slow-blas")
    return library


def preload_environment(library: str, environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with `library` preloaded before everything else, on one thread."""
    earlier = environment.get("LD_PRELOAD", "")
    preload = f"{library}:{earlier}" if earlier else library
    return {**environment, **_SETTINGS, "LD_PRELOAD": preload, _ALREADY_DONE: library}


def restart_with_fast_blas(module: str, arguments: Sequence[str], folder: Path) -> None:
    """Run `python -m module arguments` again in this process with a fast BLAS. Returns where that is not needed."""
    if sys.platform != "linux" or _ALREADY_DONE in os.environ:
        return
    library = system_blas() or str(private_blas(folder) or install_private_blas(folder))
    environment = preload_environment(library, os.environ)
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)  # noqa: S606 - itself again
