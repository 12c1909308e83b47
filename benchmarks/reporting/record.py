"""A report's line, from facts. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks.reporting.health import Health, quality_flags
from benchmarks.reporting.machine import SystemFacts, system_section
from benchmarks.reporting.model_facts import ModelFacts, Sense, model_section
from benchmarks.reporting.sampling import MemoryUse
from benchmarks.reporting.schema import SCHEMA_VERSION, fits, subschema

GIB = 2**30
SECTIONS = ("model", "performance", "stop_tokens", "system", "system_health")


@dataclass(frozen=True)
class FinishedTest:
    """One test. started, ended: seconds since 1970. cleanup_seconds: of its teardown."""

    name: str
    outcome: str
    started: float
    ended: float
    seconds: float
    cleanup_seconds: float
    sense: Sense
    version: str
    model: ModelFacts | None = None
    health: Health | None = None
    memory: MemoryUse | None = None
    system: SystemFacts | None = None


@dataclass
class Placed:
    """User properties by where they belong. faults: `name: why` for values that their field cannot hold."""

    fields: dict[str, object] = field(default_factory=dict)
    metadata: dict[str, object] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def place(properties: Iterable[tuple[str, object]], schema: Mapping[str, Any]) -> Placed:
    """A property named `performance.tokens_per_sec` sets that field; one named `performance` with a mapping sets each
    that it holds; everything else goes to the metadata by its own name. The last one of a name holds.
    """
    placed = Placed()
    for name, value in _spread(properties):
        section = name.partition(".")[0]
        known = _field(schema, name) if section in SECTIONS else None
        if known is not None:
            fault = fits(plain(value), known)
            if fault is None:
                placed.fields[name] = plain(value)
            else:
                placed.faults.append(f"{name}: {fault}")
        elif name == "inference_modality":
            fault = fits(value, subschema(schema, f"metadata.{name}"))
            if fault is None:
                placed.metadata[name] = value
            else:
                placed.faults.append(f"{name}: {fault}")
        else:
            placed.metadata[name] = plain(value)
    return placed


def _spread(properties: Iterable[tuple[str, object]]) -> Iterable[tuple[str, object]]:
    for name, value in properties:
        if name.partition(".")[0] in (*SECTIONS, "metadata") and isinstance(value, Mapping):
            prefix = "" if name == "metadata" else f"{name}."
            yield from _spread((f"{prefix}{inner}", each) for inner, each in value.items())
        else:
            yield name.removeprefix("metadata."), value


def _field(schema: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    try:
        found = subschema(schema, name)
    except KeyError:
        return None
    return None if "properties" in found else found


def plain(value: object) -> object:
    """As JSON can hold it; what it cannot hold becomes its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)


def build(test: FinishedTest, placed: Placed) -> dict[str, object]:
    """The line; unknown facts are left out, and so are sections that stay empty."""
    record: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "timestamp": datetime.fromtimestamp(test.ended, UTC).isoformat(timespec="microseconds"),
        "mlx_knife_version": test.version,
        "test": test.name,
        "outcome": test.outcome,
        "duration": round(test.seconds, 6),
        "test_start_ts": round(test.started, 6),
        "test_end_ts": round(test.ended, 6),
        "model": model_section(test.model) if test.model else {},
        "performance": _performance(test, placed),
        "stop_tokens": {},
        "system": system_section(test.system) if test.system else {},
        "system_health": _health(test),
    }
    for name, value in placed.fields.items():
        _set(record, name.split("."), value)
    told = {} if test.sense.fixture is None else {"portfolio_fixture": test.sense.fixture}
    metadata = {"inference_modality": test.sense.modality, **told, **placed.metadata}
    kept = _known(record)
    return {**kept, "metadata": metadata}


def _performance(test: FinishedTest, placed: Placed) -> dict[str, object]:
    """Cleaning up is only worth telling of a test that had something to clean up."""
    if test.model is None and test.memory is None and not any(name.startswith("perf") for name in placed.fields):
        return {}
    return {
        "cleanup_time_s": round(test.cleanup_seconds, 6),
        "peak_ram_gb": test.memory and round(test.memory.peak_bytes / GIB, 4),
        "stable_ram_gb": test.memory and round(test.memory.stable_bytes / GIB, 4),
    }


def _health(test: FinishedTest) -> dict[str, object]:
    health = test.health
    if health is None:
        return {}
    memory = health.memory
    return {
        "swap_gb": None if memory.swap_bytes is None else round(memory.swap_bytes / GIB, 4),
        "ram_free_gb": None if memory.free_bytes is None else round(memory.free_bytes / GIB, 3),
        "zombies_detected": health.zombies,
        "quality_flags": quality_flags(health, test.model.size_bytes if test.model else None),
    }


def _set(record: dict[str, object], path: list[str], value: object) -> None:
    inner = record
    for name in path[:-1]:
        below = inner.get(name)
        fresh = dict(below) if isinstance(below, Mapping) else {}
        inner[name] = fresh
        inner = fresh
    inner[path[-1]] = value


def _known(record: Mapping[str, object]) -> dict[str, object]:
    kept = {name: _known(each) if isinstance(each, Mapping) else each for name, each in record.items()}
    return {name: each for name, each in kept.items() if each is not None and each != {}}
