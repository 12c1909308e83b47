"""What a row's grammar allows, applied to the logits."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx
import numpy as np

from adapters.inference.engine.rows import Row, constraint_failed
from domain.errors import GenerationFailed
from ports.text_engine import RowStep
from ports.token_constraint import TokenConstraint

NEVER = -float("inf")


class Masks:
    """The masks of this step. failed: rows whose grammar broke; they are done and draw whatever they like."""

    def __init__(self, rows: Sequence[Row], vocabulary: int) -> None:
        self.failed: list[RowStep] = []
        self._vocabulary = vocabulary
        self._at: list[int] = []
        self._allowed: list[np.ndarray] = []
        for at, row in enumerate(rows):
            if row.constraint is not None:
                self._ask(at, row, row.constraint)

    def apply(self, logits: mx.array) -> mx.array:
        """[rows, vocabulary] -> the same, with -inf where nothing may come."""
        if not self._at:
            return logits
        allowed = mx.array(np.stack(self._allowed))
        if len(self._at) == logits.shape[0]:
            return mx.where(allowed, logits, NEVER)
        index = mx.array(self._at, dtype=mx.int32)
        logits[index] = mx.where(allowed, logits[index], NEVER)
        return logits

    def _ask(self, at: int, row: Row, constraint: TokenConstraint) -> None:
        try:
            bits = constraint.allowed()
            allowed = None if bits is None else unpacked(bits, self._vocabulary)
        except Exception as fault:  # noqa: BLE001 - translated: a grammar's fault is its own row's
            self.failed.append(row.fail(constraint_failed(fault)))
        else:
            if allowed is not None:
                self._at.append(at)
                self._allowed.append(allowed)


def unpacked(bits: bytes, vocabulary: int) -> np.ndarray:
    """[vocabulary], bool, from what a TokenConstraint allows. A model's vocabulary is often padded beyond the
    tokenizer's: nothing there may come. Raises GenerationFailed when nothing at all may.
    """
    flags = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), bitorder="little")[:vocabulary]
    if not flags.any():
        raise GenerationFailed("the answer's required form allows no token that this model has")
    return np.pad(flags, (0, vocabulary - flags.size)).astype(np.bool_)
