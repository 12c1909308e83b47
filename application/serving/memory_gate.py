"""May this model be loaded beside what this machine already holds?"""

from __future__ import annotations

from dataclasses import replace

from application.catalog.stores import ModelStores
from application.serving.pool_values import Beside
from domain.catalog import ModelReport
from domain.errors import InsufficientMemory
from domain.serving.kv_cost import kv_cost
from domain.serving.load_options import LoadOptions, Task
from domain.serving.load_plan import PLAIN_PLAN, LoadPlan
from domain.serving.memory_policy import (
    FITS,
    Admission,
    DeviceMemory,
    MemoryVerdict,
    admit_audio,
    admit_text,
    admit_vision,
)
from ports.memory import MemoryProbe

# The context that is counted for a request that names no length of its own.
DEFAULT_TOKENS = 1024
SOUND_TASKS = (Task.TRANSCRIBE, Task.SPEAK)


class MemoryGate:
    """Asked once for each load, never for a model that is loaded. force: refuse nothing. limit_bytes: what one model
    may take in all, by the user's own word; None leaves it to the device.
    """

    def __init__(
        self, stores: ModelStores, probe: MemoryProbe, *, force: bool = False, limit_bytes: int | None = None
    ) -> None:
        self._stores = stores
        self._probe = probe
        self._force = force
        self._limit_bytes = limit_bytes

    def check(
        self,
        report: ModelReport,
        tokens: int | None,
        reclaimable_bytes: int,
        *,
        force: bool,
        plan: LoadPlan = PLAIN_PLAN,
    ) -> str | None:
        """A warning for a model that takes most of the memory, else None. tokens: the length that was asked for.
        reclaimable_bytes: what other loaded models would give back for it. plan: a draft model counts too.

        Raises InsufficientMemory when weights and KV cache exceed what the device may hold, for a model that sees when
        its files are more than 70 % of the RAM, and for one that hears or speaks when too little is free. A machine
        that does not tell its memory refuses nothing.
        """
        memory = self._probe.read()
        if memory is None:
            return None
        may_hold = self._may_hold(memory, reclaimable_bytes)
        options, length = plan.options, tokens or DEFAULT_TOKENS
        kept = length if options.max_kv_size is None else min(length, options.max_kv_size)
        weights_bytes = report.weights_bytes
        kv_bytes = int(self._kv_bytes(report, kept) * options.kv_share)
        if plan.draft is not None:
            weights_bytes += plan.draft.weights_bytes
            kv_bytes += self._kv_bytes(plan.draft, length)
        room = replace(memory, device_limit_bytes=may_hold)
        forced = force or self._force
        verdict = FITS if forced else _of_its_senses(report, options, memory, reclaimable_bytes)
        if verdict.admission is not Admission.REFUSED:
            verdict = admit_text(weights_bytes, kv_bytes, room, force=forced)
        if verdict.admission is Admission.REFUSED:
            raise InsufficientMemory(
                f"{report.name}: {verdict.reason}",
                hint="ask for fewer tokens, close other programs or take a smaller model; --force loads it anyway",
                param="model",
            )
        return verdict.reason

    def allowance(self, beside: Beside, *, force: bool) -> int | None:
        """Bytes that a model about to be loaded may take in all: weights, caches and work. None is without limit."""
        memory = self._probe.read()
        if force or self._force or memory is None:
            return self._limit_bytes
        if memory.counts_loaded:
            return self._may_hold(memory, beside.leaving_bytes)
        return max(0, self._may_hold(memory, 0) - beside.staying_bytes)

    def _may_hold(self, memory: DeviceMemory, reclaimable_bytes: int) -> int:
        given_back = reclaimable_bytes if memory.counts_loaded else 0
        by_device = min(memory.total_bytes, memory.device_limit_bytes + given_back)
        return by_device if self._limit_bytes is None else min(by_device, self._limit_bytes)

    def _kv_bytes(self, report: ModelReport, tokens: int) -> int:
        cost = kv_cost(self._stores.of(report.location).read(report.location).config)
        return 0 if cost is None else cost.bytes_for(tokens)


def _of_its_senses(
    report: ModelReport, options: LoadOptions, memory: DeviceMemory, reclaimable_bytes: int
) -> MemoryVerdict:
    if options.sees:
        return admit_vision(report.size_bytes, memory)
    if options.task in SOUND_TASKS:
        free = min(memory.total_bytes, memory.available_bytes + reclaimable_bytes)
        return admit_audio(replace(memory, available_bytes=free))
    return FITS
