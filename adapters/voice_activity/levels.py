"""How far a frame of sound stands out of what is always there."""

from __future__ import annotations

from collections import deque
from math import log10

QUIETEST_DB = -66.0  # of full scale; below it nothing is told apart
FULL_SCALE = 32768.0


def level(energy: float, count: int) -> float:
    """In dB of full scale. energy: the sum of the squares of so many samples."""
    if energy <= 0:
        return QUIETEST_DB
    return max(QUIETEST_DB, 10 * log10(energy / count / FULL_SCALE**2))


class NoiseFloor:
    """The quietest that a line has been of late: speech pauses between words and noise does not."""

    def __init__(self, frames: int, blocks: int = 4) -> None:
        """frames: how far back it looks, in steps of a block."""
        self._block_frames = max(1, frames // blocks)
        self._blocks: deque[float] = deque(maxlen=blocks)
        self._lowest = 0.0
        self._count = 0

    def add(self, level_db: float) -> float:
        """The floor, this frame's level included."""
        self._lowest = level_db if not self._count else min(self._lowest, level_db)
        self._count += 1
        floor = min(self._lowest, min(self._blocks, default=self._lowest))
        if self._count == self._block_frames:
            self._blocks.append(self._lowest)
            self._count = 0
        return floor
