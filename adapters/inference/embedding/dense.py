"""Layers between pooling and the vector, in folders of their own."""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx
from mlx import nn

from adapters.inference.embedding.sentence_files import IDENTITY, DenseLayer
from adapters.inference.embedding.weights import read_tensors

ACTIVATE: dict[str, Callable[[mx.array], mx.array]] = {
    IDENTITY: lambda values: values,
    "Tanh": mx.tanh,
    "ReLU": nn.relu,
    "GELU": nn.gelu,
    "Sigmoid": mx.sigmoid,
}


class Dense:
    """Computes in 32 bits, whatever its weights are stored in."""

    def __init__(self, layer: DenseLayer) -> None:
        """Raises ValueError for a folder without safetensors, or without a weight in them; what MLX raises."""
        tensors = read_tensors(layer.folder)
        if "linear.weight" not in tensors:
            raise ValueError(f"{layer.folder.name} holds no linear.weight")
        self._weight = tensors["linear.weight"].astype(mx.float32)
        bias = tensors.get("linear.bias")
        self._bias = None if bias is None else bias.astype(mx.float32)
        self._activate = ACTIVATE[layer.activation]

    @property
    def width(self) -> int:
        """Numbers that it makes."""
        return self._weight.shape[0]

    def __call__(self, vectors: mx.array) -> mx.array:
        made = vectors @ self._weight.T
        return self._activate(made if self._bias is None else made + self._bias)
