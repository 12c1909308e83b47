"""Reports to read, without a test run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.reporting.json_lines import append
from benchmarks.reporting.schema import SCHEMA_VERSION

BEGIN = 1_800_000_000.0


def line(test: str, started: float, seconds: float, **sections: object) -> dict[str, object]:
    """A valid line of a test of a text model. started: seconds after BEGIN."""
    plain: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "timestamp": "2027-01-15T08:00:00+00:00",
        "mlx_knife_version": "0.1.0",
        "test": f"tests/live/test_x.py::{test}",
        "outcome": "passed",
        "duration": seconds,
        "test_start_ts": BEGIN + started,
        "test_end_ts": BEGIN + started + seconds,
        "model": {"id": "org/Tiny-1B-4bit"},
        "performance": {"tokens_per_sec": 40.0, "peak_ram_gb": 2.0, "stable_ram_gb": 1.5},
        "system_health": {"zombies_detected": 0, "quality_flags": ["clean"], "swap_gb": 0.0, "ram_free_gb": 9.0},
        "metadata": {"inference_modality": "text"},
    }
    return {**plain, **sections}


def write(place: Path, *records: Mapping[str, object]) -> Path:
    for each in records:
        append(place, each)
    return place
