"""A machine whose memory a test makes up."""

from __future__ import annotations

from domain.serving.memory_policy import DeviceMemory


class Machine:
    """MemoryProbe. total, limit: bytes, to be changed at will; total None: this machine does not tell. What is
    available is what one model may hold. asked: calls of `read`.
    """

    def __init__(self, total: int | None, limit: int = 0, *, counts_loaded: bool = True) -> None:
        self.total = total
        self.limit = limit
        self.counts_loaded = counts_loaded
        self.asked = 0

    def read(self) -> DeviceMemory | None:
        self.asked += 1
        if self.total is None:
            return None
        return DeviceMemory(self.total, self.limit, self.limit, self.counts_loaded)
