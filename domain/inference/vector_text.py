"""A vector's numbers as JSON."""

from __future__ import annotations

from functools import lru_cache

from domain.inference.embedding import Vector


def vector_text(vector: Vector) -> str:
    """A JSON array. Nine digits tell every 32-bit float from its neighbours, so what is read into one again is the same
    to the last bit; they are written several times as fast as the seventeen of a 64-bit one.
    """
    text = _frame(vector.dimensions) % tuple(vector.numbers())
    return text.replace("-0,", "-0.0,").replace("-0]", "-0.0]")  # JSON's -0 is read as a whole number, without its sign


@lru_cache(maxsize=64)
def _frame(dimensions: int) -> str:
    return f"[{','.join(['%.9g'] * dimensions)}]"
