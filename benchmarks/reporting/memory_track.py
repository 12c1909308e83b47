"""Samples of a machine's memory over time, and which of them belong to which test. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.reporting.health import SystemMemory
from benchmarks.reporting.process_table import Process, below, held_bytes

GIB = 2**30


@dataclass(frozen=True)
class MemorySample:
    """ts: seconds since 1970. elapsed_s: since the monitor began. None: the system does not say. process_ram_gb and
    processes are of the watched command and everything below it.
    """

    ts: float
    elapsed_s: float
    ram_total_gb: float | None
    ram_free_gb: float | None
    swap_gb: float | None
    process_ram_gb: float
    processes: int


def sample(memory: SystemMemory, processes: Iterable[Process], root: int, ts: float, elapsed: float) -> MemorySample:
    """root: the watched command's process."""
    everyone = list(processes)
    watched = [each for each in everyone if each.process_id == root] + below(everyone, root)
    return MemorySample(
        ts=round(ts, 3),
        elapsed_s=round(elapsed, 3),
        ram_total_gb=_gib(memory.total_bytes),
        ram_free_gb=_gib(memory.free_bytes),
        swap_gb=_gib(memory.swap_bytes),
        process_ram_gb=round(held_bytes(watched) / GIB, 4),
        processes=sum(not each.ended for each in watched),
    )


def sample_record(taken: MemorySample) -> dict[str, object]:
    return asdict(taken)


def from_records(found: Iterable[Mapping[str, object]]) -> list[MemorySample]:
    """The samples of a monitor's file, by time; its summaries are passed over. Raises ValueError for other lines."""
    samples = [_read(each) for each in found if "summary" not in each]
    return sorted(samples, key=lambda each: each.ts)


def summary(samples: Sequence[MemorySample]) -> dict[str, object]:
    """A monitor's last line. Figures that no sample has are left out."""
    free = [each.ram_free_gb for each in samples if each.ram_free_gb is not None]
    swap = [each.swap_gb for each in samples if each.swap_gb is not None]
    figures: dict[str, object] = {"samples": len(samples)}
    if free:
        figures |= {"ram_free_min_gb": min(free), "ram_free_max_gb": max(free)}
    if swap:
        figures["swap_max_gb"] = max(swap)
    if samples:
        figures["process_ram_max_gb"] = max(each.process_ram_gb for each in samples)
    return {"summary": figures}


def within(samples: Iterable[MemorySample], started: float, ended: float) -> list[MemorySample]:
    """Those taken while a test ran: its test_start_ts and test_end_ts."""
    return [each for each in samples if started <= each.ts <= ended]


def _read(record: Mapping[str, object]) -> MemorySample:
    ts, held = _number(record, "ts"), _number(record, "process_ram_gb")
    if ts is None or held is None:
        raise ValueError("no sample of memmon's: it needs ts and process_ram_gb")
    return MemorySample(
        ts=ts,
        elapsed_s=_number(record, "elapsed_s") or 0.0,
        ram_total_gb=_number(record, "ram_total_gb"),
        ram_free_gb=_number(record, "ram_free_gb"),
        swap_gb=_number(record, "swap_gb"),
        process_ram_gb=held,
        processes=int(_number(record, "processes") or 0),
    )


def _number(record: Mapping[str, object], name: str) -> float | None:
    value = record.get(name)
    return float(value) if isinstance(value, int | float) else None


def _gib(count: int | None) -> float | None:
    return None if count is None else round(count / GIB, 4)
