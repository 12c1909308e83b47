"""May this model be loaded beside what this machine already holds?"""

from __future__ import annotations

from dataclasses import replace

from application.catalog.stores import ModelStores
from domain.catalog import ModelReport
from domain.errors import InsufficientMemory
from domain.serving.kv_cost import kv_cost
from domain.serving.memory_policy import Admission, admit_text
from ports.memory import MemoryProbe

# The context that is counted for a request that names no length of its own.
DEFAULT_TOKENS = 1024


class MemoryGate:
    """Asked once for each load, never for a model that is loaded. force: refuse nothing."""

    def __init__(self, stores: ModelStores, probe: MemoryProbe, *, force: bool = False) -> None:
        self._stores = stores
        self._probe = probe
        self._force = force

    def check(self, report: ModelReport, tokens: int | None, reclaimable_bytes: int, *, force: bool) -> str | None:
        """A warning for a model that takes most of the memory, else None. tokens: the length that was asked for.
        reclaimable_bytes: what other loaded models would give back for it.

        Raises InsufficientMemory when weights and KV cache exceed what the device may hold. A machine that does not
        tell its memory refuses nothing.
        """
        memory = self._probe.read()
        if memory is None:
            return None
        may_hold = min(memory.total_bytes, memory.device_limit_bytes + reclaimable_bytes)
        cost = kv_cost(self._stores.of(report.location).read(report.location).config)
        kv_bytes = 0 if cost is None else cost.bytes_for(tokens or DEFAULT_TOKENS)
        room = replace(memory, device_limit_bytes=may_hold)
        verdict = admit_text(report.weights_bytes, kv_bytes, room, force=force or self._force)
        if verdict.admission is Admission.REFUSED:
            raise InsufficientMemory(
                f"{report.name}: {verdict.reason}",
                hint="ask for fewer tokens, close other programs or take a smaller model; --force loads it anyway",
                param="model",
            )
        return verdict.reason
