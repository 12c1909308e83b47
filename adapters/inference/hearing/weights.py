"""The weights of a speech model's folder."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx

from adapters.inference.embedding.weights import read_tensors

NUMPY = (".npz",)


def speech_tensors(folder: Path) -> dict[str, mx.array]:
    """From safetensors, else from numpy's archives, as older Whisper models have them; MLX reads numbers out of those
    and nothing else. Raises ValueError where there is neither.
    """
    archives = sorted(path for path in folder.iterdir() if path.suffix in NUMPY)
    if not archives or any(path.suffix == ".safetensors" for path in folder.iterdir()):
        return read_tensors(folder)
    tensors: dict[str, mx.array] = {}
    for path in archives:
        found = mx.load(str(path), format="npz")
        if not isinstance(found, dict):
            raise TypeError(f"{path.name} holds no tensors by name")
        tensors.update(found)
    return tensors
