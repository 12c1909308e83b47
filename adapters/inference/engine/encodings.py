"""Pictures that have been encoded lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx

from adapters.inference.engine.features import Features


@dataclass(slots=True)
class Tally:
    """encoded: passes of the vision tower. reused: pictures that needed none."""

    encoded: int = 0
    reused: int = 0


class Encodings:
    """Features by picture; what was used longest ago goes first. The engine's thread only.

    budget_bytes: what is kept never takes more, so that it can be counted as taken from the start. work_bytes: the most
    that an encoding has taken so far, for the while or, where its result is too large to be kept, until it is read;
    measured where one is larger than all before.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.work_bytes = 0
        self.tally = Tally()
        self._largest = 0
        self._kept: OrderedDict[str, Features] = OrderedDict()

    @property
    def reserved_bytes(self) -> int:
        """Not to be used for anything else."""
        return self.budget_bytes + self.work_bytes

    @property
    def held_bytes(self) -> int:
        return sum(features.size_bytes for features in self._kept.values())

    def get(self, key: str) -> Features | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            self.tally.reused += 1
        return found

    def make(self, key: str, tokens: int, encode: Callable[[], Features]) -> Features:
        """Encode now, wait for it, and keep it while there is room. tokens: that the picture has in the prompt."""
        larger = tokens > self._largest
        before = mx.get_active_memory()
        if larger:
            mx.reset_peak_memory()
        made = encode()
        mx.eval(made.arrays)
        if larger:
            self._largest = tokens
            kept = made.size_bytes if made.size_bytes <= self.budget_bytes else 0
            self.work_bytes = max(self.work_bytes, mx.get_peak_memory() - before - kept)
        self.tally.encoded += 1
        if made.size_bytes <= self.budget_bytes:
            self._kept[key] = made
            while self.held_bytes > self.budget_bytes:
                self._kept.popitem(last=False)
        return made

    def clear(self) -> None:
        self._kept.clear()
