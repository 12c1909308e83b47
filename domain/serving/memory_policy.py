"""What may be loaded into this machine's memory, and what it will take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.inference.context_length import context_length
from domain.serving.kv_cost import KvCost, kv_cost

GIB = 1024**3
# Text models of a test portfolio: what they need (their size and a fifth) against a share of RAM that grows with it.
NEED_PERCENT = 120
_BUDGET_PERCENT = ((32 * GIB, 40), (64 * GIB, 50), (96 * GIB, 60))
_LARGEST_BUDGET_PERCENT = 70
USER_LIMIT_PERCENT = 70
AUDIO_FREE_BYTES = 4 * GIB


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """total_bytes: RAM, or less where a container may use less. available_bytes: what programs could get now without
    swapping. device_limit_bytes: what one model may hold: Metal's recommended working set, on Linux what is available.
    counts_loaded: that limit is what is left beside models that are loaded already, as on Linux.
    """

    total_bytes: int
    available_bytes: int
    device_limit_bytes: int
    counts_loaded: bool = True


class Admission(StrEnum):
    FITS = "fits"
    WARNED = "warned"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class MemoryVerdict:
    """reason: for WARNED and REFUSED, with the numbers."""

    admission: Admission
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MemoryForecast:
    """weights_bytes: the weight files. kv_bytes_per_1k_tokens: what 1,000 more tokens of one conversation cost; None
    when config.json does not tell. longest_context: tokens of one conversation that fit beside the weights now, at most
    the model's context; None when the cost or the memory is unknown.
    """

    weights_bytes: int
    kv_bytes_per_1k_tokens: int | None
    longest_context: int | None


FITS = MemoryVerdict(Admission.FITS)


def portfolio_budget_bytes(total_bytes: int) -> int:
    """RAM that a text model of a test portfolio may need."""
    return total_bytes * _budget_percent(total_bytes) // 100


def fits_portfolio(size_bytes: int, total_bytes: int) -> bool:
    """Whether a text model belongs in the test portfolio of a machine; exactly at the budget fits."""
    return size_bytes * NEED_PERCENT <= total_bytes * _budget_percent(total_bytes)


def admit_text(size_bytes: int, kv_bytes: int, memory: DeviceMemory, *, force: bool = False) -> MemoryVerdict:
    """A large model is warned of; one that cannot be held is refused, unless forced. kv_bytes: of the asked context."""
    need = size_bytes + kv_bytes
    if need > memory.device_limit_bytes and not force:
        return MemoryVerdict(
            Admission.REFUSED,
            f"weights {_gib(size_bytes)} and KV cache {_gib(kv_bytes)} need {_gib(need)}, "
            f"this device may hold {_gib(memory.device_limit_bytes)}",
        )
    if _over_user_limit(size_bytes, memory):
        return MemoryVerdict(Admission.WARNED, _over_words(size_bytes, memory))
    return FITS


def admit_vision(size_bytes: int, memory: DeviceMemory) -> MemoryVerdict:
    """size_bytes: all files of the model. Exactly the limit fits."""
    if _over_user_limit(size_bytes, memory):
        return MemoryVerdict(Admission.REFUSED, _over_words(size_bytes, memory))
    return FITS


def admit_audio(memory: DeviceMemory) -> MemoryVerdict:
    """Speech models are small, their buffers are not."""
    if memory.available_bytes < AUDIO_FREE_BYTES:
        return MemoryVerdict(
            Admission.REFUSED,
            f"audio wants {_gib(AUDIO_FREE_BYTES)} of free memory, {_gib(memory.available_bytes)} are free",
        )
    return FITS


def forecast(config: Mapping[str, object], weights_bytes: int, memory: DeviceMemory | None) -> MemoryForecast:
    """What the model will take; memory None means unknown."""
    cost = kv_cost(config)
    longest = None if cost is None or memory is None else _longest_context(config, weights_bytes, memory, cost)
    return MemoryForecast(
        weights_bytes=weights_bytes,
        kv_bytes_per_1k_tokens=None if cost is None else cost.bytes_for(1000),
        longest_context=longest,
    )


def _longest_context(config: Mapping[str, object], weights_bytes: int, memory: DeviceMemory, cost: KvCost) -> int:
    room = memory.device_limit_bytes - weights_bytes
    return cost.tokens_in(room, at_most=context_length(config))


def _budget_percent(total_bytes: int) -> int:
    for below, percent in _BUDGET_PERCENT:
        if total_bytes < below:
            return percent
    return _LARGEST_BUDGET_PERCENT


def _over_user_limit(size_bytes: int, memory: DeviceMemory) -> bool:
    return size_bytes * 100 > memory.total_bytes * USER_LIMIT_PERCENT


def _over_words(size_bytes: int, memory: DeviceMemory) -> str:
    return f"the model has {_gib(size_bytes)}, more than {USER_LIMIT_PERCENT} % of {_gib(memory.total_bytes)} of RAM"


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"
