"""Random numbers of a speech's own, whatever else draws some between its pieces."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
import numpy as np

SEED_BITS = 32


class Randomness:
    """The libraries draw from states that belong to the process: MLX's, and a few families numpy's and Python's. These
    are put in place for the time of a piece, and taken out after it. One thread.
    """

    def __init__(self, seed: int | None) -> None:
        """None draws one."""
        chosen = secrets.randbits(SEED_BITS) if seed is None else seed
        before = _states()
        mx.random.seed(chosen)
        np.random.seed(chosen % 2**SEED_BITS)
        random.seed(chosen)
        self._states = _states()
        _put(before)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        before = _states()
        _put(self._states)
        try:
            yield
        finally:
            self._states = _states()
            _put(before)


def _states() -> tuple[int, Any, Any]:
    """MLX's state is one key of two numbers: the seed that would make it, cut in two."""
    state: Any = mx.random.state
    high, low = (int(each) for each in state[0].tolist())
    return high << 32 | low, np.random.get_state(), random.getstate()


def _put(states: tuple[int, Any, Any]) -> None:
    mx.random.seed(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])
