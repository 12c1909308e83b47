"""The random key of one token of one answer."""

from __future__ import annotations

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def row_key(seed: int, position: int) -> int:
    """64 bits that depend on the seed and the token's position alone: never on the rest of the batch.

    seed: 64 bits. position: 0 for the first token of the answer. Neighbouring seeds and positions give unrelated keys
    (SplitMix64, once for the seed and once more for the position).
    """
    return _mixed(_mixed(seed) + position)


def _mixed(value: int) -> int:
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
