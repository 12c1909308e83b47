"""Loads text models with mlx-lm. Importing this module is cheap; MLX comes with `warm` or `load`."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.inference.lean_transformers import folders_read_once
from domain.catalog import LocatedModel
from domain.errors import MlxkError, ModelLoadFailed
from domain.serving.load_options import LoadOptions
from ports.text_runtime import LoadedText

CAUSE_CHARACTERS = 400


class MlxTextRuntime:
    """TextRuntime over mlx-lm: safetensors and tokenizer files of a local folder; no code, no pickles, no hub.

    Importing mlx-lm lowers the process's limits on open files for good: one more reason to do it in workers only.
    """

    def warm(self) -> None:
        try:
            with folders_read_once(), _uncollected():
                import adapters.inference.text_loading  # noqa: F401
            from adapters.inference.mlx_process import configure_mlx
        except ImportError as fault:
            raise ModelLoadFailed(
                f"MLX cannot be imported: {_one_line(fault)}",
                hint="on Linux install one of its libraries: pip install 'mlxk[cpu]' or 'mlxk[cuda]'",
            ) from fault
        configure_mlx()

    def load(self, model: LocatedModel, options: LoadOptions) -> LoadedText:
        if not (Path(model.path) / "config.json").is_file():
            raise _failed(model, f"there is no config.json in {model.path}")
        self.warm()
        if options.cpu:
            from adapters.inference.mlx_process import use_cpu

            use_cpu()
        from adapters.inference.text_loading import load_text

        try:
            return load_text(model, options)
        except MlxkError:
            raise
        except Exception as fault:
            raise load_failure(model, fault) from fault


@contextmanager
def _uncollected() -> Iterator[None]:
    """What is made meanwhile, the libraries' hundreds of thousands of objects, is never garbage and never looked at."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def load_failure(model: LocatedModel, fault: Exception) -> ModelLoadFailed:
    """What a library's fault is to whoever wanted the model."""
    return _failed(model, _one_line(fault))


def _failed(model: LocatedModel, cause: str) -> ModelLoadFailed:
    return ModelLoadFailed(f"cannot load {model.name}: {cause}", hint=f"see `mlxk health {model.name}`")


def _one_line(fault: Exception) -> str:
    words = " ".join(str(fault).split()) or type(fault).__name__
    return words if len(words) <= CAUSE_CHARACTERS else words[:CAUSE_CHARACTERS] + "..."
